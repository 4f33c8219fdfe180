"""Answers that are followed: the state now, then every change, whichever process made it, while the right to it lasts.

What is told is always read anew through the reader's own rights. Nothing here writes, and nothing is remembered of a
reader but that it waits.
"""

from domain.live.following import Live

__all__ = ["Live"]

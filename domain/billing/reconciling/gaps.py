"""What a processor's list of events shows to have been lost on its way: told to whoever else lives by events."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.billing.processors import News, Processor
from domain.db import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What lost events told, and whether there may be more of them that are too old to be listed (`unlisted`)."""

    processor: Processor
    lost: tuple[News | None, ...]
    unlisted: bool


OnGap = Callable[[Session, Gap], Awaitable[None]]
"""Is told of a gap when its events have been taken in, in the transaction that notes how far the list was read."""


async def mind_no_gap(_session: Session, _gap: Gap) -> None:
    """Do nothing about it."""

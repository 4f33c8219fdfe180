"""Hints that something has changed: heard at once in this process, and over PostgreSQL soon in every other one.

A hint says where to look and nothing else. It may be lost, doubled or late, and whoever waits for one looks by itself
from time to time.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from domain.db.line import Line

Heard = Callable[[Collection[str] | None], None]
"""Is told the ids of what may have changed; None when hints may have been missed."""


class Hints:
    """What one database's transactions have touched, told after their commits. Without a line nobody else hears it."""

    def __init__(self, line: Line | None = None) -> None:
        self._line = line
        self._listening: list[Heard] = []

    def tell(self, ids: Collection[str]) -> None:
        """Tell everybody who listens, here and elsewhere; never waits and never fails."""
        self._heard(ids)
        if self._line is not None:
            self._line.tell(ids)

    @contextmanager
    def listening(self, heard: Heard) -> Iterator[None]:
        """Hear of changes for as long as the block lasts."""
        self._listening.append(heard)
        if self._line is not None:
            self._line.listen(self._heard)
        try:
            yield
        finally:
            self._listening.remove(heard)
            if self._line is not None and not self._listening:
                self._line.listen(None)

    async def aclose(self) -> None:
        """Hang up; what has not been told yet stays untold."""
        if self._line is not None:
            await self._line.aclose()

    def _heard(self, ids: Collection[str] | None) -> None:
        for heard in tuple(self._listening):
            heard(ids)

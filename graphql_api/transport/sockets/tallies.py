"""Counting: how many things somebody holds at once, and how many come in a second. Nothing here grows with time."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from graphql_api.transport.sockets.terms import Terms


class Full(Exception):
    """Somebody holds as much as is allowed."""


class Tally:
    """Counts what each holder holds, and lets nobody hold more than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[Hashable] = Counter()

    @contextmanager
    def held(self, holder: Hashable) -> Iterator[None]:
        """Hold one more for as long as the block lasts.

        Raises:
            Full: the holder has as many as is allowed.
        """
        if self._held[holder] >= self._most:
            raise Full
        self._held[holder] += 1
        try:
            yield
        finally:
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]

    def __len__(self) -> int:
        """Say how much is held by all together."""
        return self._held.total()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """What is counted of all sockets of one process."""

    sockets: Tally
    strangers: Tally
    anonymous: Tally
    callers: Tally
    operations: Tally

    @classmethod
    def of(cls, terms: Terms) -> Self:
        """Begin to count."""
        return cls(
            sockets=Tally(terms.sockets),
            strangers=Tally(terms.strangers_per_address),
            anonymous=Tally(terms.anonymous_per_address),
            callers=Tally(terms.sockets_per_caller),
            operations=Tally(terms.operations_per_caller),
        )


class Bucket:
    """Lets so many things through at once, and then so many a second. Instants are seconds of one clock."""

    def __init__(self, *, capacity: float, per_second: float, now: float) -> None:
        self._capacity = capacity
        self._per_second = per_second
        self._left = capacity
        self._at = now

    def spend(self, now: float) -> float:
        """Take one and give 0; or take none and say in how many seconds there will be one."""
        self._left = min(self._capacity, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0

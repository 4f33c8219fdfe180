"""What can have been true when: limits and numbers of holders between instants that were recorded around calls. Pure.

A call takes effect at one instant between its beginning and its end, and nobody knows at which. So whatever it changes
is possible from its beginning on, and sure from its end on.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.proofs.seats.history import Answer, Call

FOREVER = 2**63 - 1


class Limits:
    """The limits that one organization can have had.

    A limit is possible from the beginning of its change until a later change is sure. A change that nobody heard the
    end of never is, so that the limit before it stays possible.
    """

    def __init__(self, first: int, changes: Iterable[Call]) -> None:
        ordered = sorted(
            (call for call in changes if call.answer is not Answer.REFUSED), key=lambda call: call.order or 0
        )
        self._values = [first, *(call.limit or 0 for call in ordered)]
        # Least from here on, so that both rise and can be searched; that makes more limits possible, never fewer.
        self._starts = _least_from_here([0, *(call.began_at for call in ordered)])
        sure = [FOREVER if call.ended_at is None else call.ended_at for call in ordered]
        self._stops = _least_from_here([*sure, FOREVER])

    def possible(self, start: int, end: int) -> set[int]:
        """List the limits that can have been in force at some instant from `start` to `end`, both included."""
        found: set[int] = set()
        for place in range(bisect_left(self._stops, start), len(self._values)):
            if self._starts[place] > end:
                break
            found.add(self._values[place])
        return found

    def most(self, start: int, end: int) -> int:
        """Give the largest of them."""
        return max(self.possible(start, end))

    def least(self, start: int, end: int) -> int:
        """Give the smallest of them."""
        return min(self.possible(start, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of time in which a number stays the same."""

    start: int
    end: int
    number: int


class Steps:
    """How many things were there at each instant: each comes at one instant and goes at another."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        changes: dict[int, int] = {}
        for start, end in spans:
            changes[start] = changes.get(start, 0) + 1
            changes[end] = changes.get(end, 0) - 1
        self._times = sorted(changes)
        self._numbers = [0]
        for time in self._times:
            self._numbers.append(self._numbers[-1] + changes[time])

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """Give the stretches from `start` to `end`; what changes at either end is seen from both sides."""
        place = bisect_left(self._times, start)
        marks = [start]
        while place + len(marks) - 1 < len(self._times) and self._times[place + len(marks) - 1] <= end:
            marks.append(self._times[place + len(marks) - 1])
        for number, (since, until) in enumerate(pairwise([*marks, end])):
            yield Piece(start=since, end=until, number=self._numbers[place + number])

    @property
    def most(self) -> int:
        """Give the largest number that ever was."""
        return max(self._numbers)


def _least_from_here(values: Sequence[int]) -> list[int]:
    least = list(values)
    for place in range(len(least) - 2, -1, -1):
        least[place] = min(least[place], least[place + 1])
    return least

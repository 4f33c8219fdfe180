"""The ledger against the history: a command and its audit row are one write. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from domain.proofs.seats.history import Answer, Call, Ending
from domain.proofs.seats.violations import ViolationKind


@dataclass(slots=True, kw_only=True)
class Broken:
    """A promise that one organization's history shows broken."""

    kind: ViolationKind
    story: str
    calls: tuple[str, ...] = ()


def compare(calls: Sequence[Call], ending: Ending, holders: Collection[str]) -> Iterator[Broken]:
    """Compare what calls were told with what the ledger remembers; `holders` is all that ever was."""
    half = ViolationKind.WRITE_HALF_DONE
    ends: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.takes is not None and call.takes not in ending.added:
            yield Broken(kind=half, story=f"the ledger does not know how {call.takes} came", calls=(call.id,))
        if call.ends is not None and call.happens:
            ends[call.ends].append(call)
    for holder in sorted(ending.added - set(holders)):
        yield Broken(kind=half, story=f"the ledger knows how {holder} came, and nobody else does")
    for holder in sorted(ends.keys() - ending.ended):
        told = tuple(call.id for call in ends[holder] if call.answer is Answer.DONE)
        if told:
            yield Broken(kind=half, story=f"the ledger does not know how {holder} ended", calls=told)
    for holder in sorted(ending.ended - ends.keys()):
        yield Broken(kind=half, story=f"the ledger knows how {holder} ended, and nobody else does")

"""The checker: reads a history and the tables at the end, and says which promises were broken. Pure.

Every rule is sound: it accuses only where no order of the calls that fits their instants could be innocent. None is
complete: what happens within overlapping calls can hide. `docs/proofs.md` says what each rule sees and what it cannot.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from domain.proofs.seats.history import Answer, Call, Ending, History, Operation, Sample
from domain.proofs.seats.holdings import FOUNDER, Holding, House, reconstruct
from domain.proofs.seats.timeline import FOREVER, Limits, Steps
from domain.proofs.seats.violations import Violation, ViolationKind

SECOND = 1_000_000_000


def check(history: History, endings: Mapping[str, Ending]) -> list[Violation]:
    """Find every broken promise, organization by organization."""
    calls: dict[int, list[Call]] = defaultdict(list)
    for call in history.calls:
        calls[call.organization].append(call)
    samples: dict[int, list[Sample]] = defaultdict(list)
    for sample in history.samples:
        samples[sample.organization].append(sample)
    start = min((call.began_at for call in history.calls), default=0)
    people = {user: place for place, user in enumerate(history.people)}
    found: list[Violation] = []
    for place, organization_id in enumerate(history.organizations):
        case = _Case(organization_id, calls[place], samples[place], start=start, first_limit=history.limits[place])
        found.extend(case.violations(endings[organization_id], people))
    return found


def contention(history: History) -> int:
    """Count the calls that were under way in one organization at the same instant, at the most crowded one."""
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for call in history.calls:
        if call.ended_at is not None:
            spans[call.organization].append((call.began_at, call.ended_at))
    return max((Steps(each).most for each in spans.values()), default=0)


class _Case:
    """What was recorded of one organization."""

    def __init__(
        self, organization_id: str, calls: list[Call], samples: list[Sample], *, start: int, first_limit: int
    ) -> None:
        self._id = organization_id
        self._calls = calls
        self._samples = sorted(samples, key=lambda sample: sample.began_at)
        self._start = start
        self._limits = Limits(first_limit, (call for call in calls if call.operation is Operation.LIMIT))

    def violations(self, ending: Ending, people: Mapping[str, int]) -> Iterator[Violation]:
        house = reconstruct(self._calls, ending, people)
        for broken in house.broken:
            yield self._violation(broken.kind, broken.story, broken.calls)
        yield from self._final(ending)
        yield from self._sampled()
        yield from self._let_in_when_full(house)
        yield from self._too_many_at_once(house.holdings)
        yield from self._refused_while_free(house)

    def _final(self, ending: Ending) -> Iterator[Violation]:
        members = frozenset(ending.members.values())
        if not (ending.used == len(ending.holders) == len(ending.members)) or ending.holders != members:
            yield self._violation(
                ViolationKind.COUNTER_DIFFERS,
                f"at the end the counter says {ending.used}, with {len(ending.holders)} holder rows and"
                f" {len(ending.members)} members",
            )
        possible = self._limits.possible(FOREVER - 1, FOREVER)
        if ending.limit not in possible:
            yield self._limit_lost("at the end", ending.limit, possible)

    def _sampled(self) -> Iterator[Violation]:
        """Judge what the sampler saw: rows that must agree, and a counter that rose above every possible limit."""
        for sample in self._samples:
            when = f"at {self._when(sample.began_at)}"
            if not sample.used == sample.holders == sample.living:
                yield self._violation(
                    ViolationKind.COUNTER_DIFFERS,
                    f"{when} the counter said {sample.used}, with {sample.holders} holder rows and {sample.living}"
                    " members",
                )
            possible = self._limits.possible(sample.began_at, sample.ended_at)
            if sample.limit not in possible:
                yield self._limit_lost(when, sample.limit, possible)
        for before, after in pairwise(self._samples):
            most = self._limits.most(before.began_at, after.ended_at)
            if after.used > before.used and after.used > most:
                calls = self._additions(before.began_at, after.ended_at)
                yield self._violation(
                    ViolationKind.OVERSOLD,
                    f"the counter rose from {before.used} to {after.used} between {self._when(before.began_at)} and"
                    f" {self._when(after.ended_at)}, where the limit was {most} at most, by some of {', '.join(calls)}",
                    calls,
                )

    def _additions(self, start: int, end: int) -> tuple[str, ...]:
        """Name the calls that can have let somebody in between two instants."""
        return tuple(
            call.id
            for call in self._calls
            if call.operation is Operation.ADD
            and call.answer in {Answer.DONE, Answer.UNSURE}
            and call.began_at <= end
            and (call.ended_at is None or call.ended_at >= start)
        )

    def _let_in_when_full(self, house: House) -> Iterator[Violation]:
        """Accuse whoever was let in although no seat can have been free at any instant of the call."""
        surely = Steps((held.sure, held.ending) for held in house.holdings if held.sure < held.ending)
        for call in self._calls:
            if call.operation is not Operation.ADD or call.answer is not Answer.DONE or call.ended_at is None:
                continue
            pieces = list(surely.pieces(call.began_at, call.ended_at))
            if all(piece.number >= self._limits.most(piece.start, piece.end) for piece in pieces):
                held = min(piece.number for piece in pieces)
                yield self._violation(
                    ViolationKind.OVERSOLD,
                    f"{self._told(call)} was let in while {held} seats or more were surely held and the limit was"
                    f" {self._limits.most(call.began_at, call.ended_at)} at most",
                    (call.id,),
                )

    def _too_many_at_once(self, holdings: Sequence[Holding]) -> Iterator[Violation]:
        """Accuse those who surely sit together although none of them can have come in last within the limit.

        One of them came in last, with all the others seated; so the limit was as high as their number at that instant.
        """
        seated: dict[str, Holding] = {}
        leaving = sorted((held for held in holdings if held.sure < held.ending), key=lambda held: held.ending)
        gone = 0
        for held in sorted(leaving, key=lambda held: held.sure):
            while leaving[gone].ending <= held.sure:
                seated.pop(leaving[gone].holder, None)
                gone += 1
            seated[held.holder] = held
            if held.holder == FOUNDER or len(seated) <= self._limits.most(held.began, held.sure):
                continue
            yield from self._crowd(list(seated.values()), at=held.sure)

    def _crowd(self, seated: Sequence[Holding], *, at: int) -> Iterator[Violation]:
        latest = max(held.began for held in seated)
        last = [held for held in seated if held.sure >= latest and held.holder != FOUNDER]
        most = max(self._limits.most(held.began, held.sure) for held in last)
        if len(seated) > most:
            calls = tuple(call for held in last for call in held.calls)
            who = "; ".join(
                f"person {held.person} by {', '.join(held.calls)} ({self._when(held.began)} to {self._when(held.sure)})"
                for held in last
            )
            yield self._violation(
                ViolationKind.OVERSOLD,
                f"at {self._when(at)} {len(seated)} seats were surely held at once, and the limit was {most} at most"
                f" when the last of them was taken: {who}",
                calls,
            )

    def _refused_while_free(self, house: House) -> Iterator[Violation]:
        """Accuse a refusal when a seat was surely free at every instant of the call."""
        possibly = Steps((held.began, held.gone) for held in house.holdings)
        for call in self._calls:
            if call.answer is not Answer.FULL or call.ended_at is None:
                continue
            pieces = list(possibly.pieces(call.began_at, call.ended_at))
            if all(piece.number < self._limits.least(piece.start, piece.end) for piece in pieces):
                held = max(piece.number for piece in pieces)
                yield self._violation(
                    ViolationKind.REFUSED_WHILE_FREE,
                    f"{self._told(call)} was refused while {held} seats at most were held and the limit was"
                    f" {self._limits.least(call.began_at, call.ended_at)} at least",
                    (call.id,),
                )

    def _limit_lost(self, when: str, limit: int | None, possible: set[int]) -> Violation:
        words = " or ".join(map(str, sorted(possible)))
        return self._violation(ViolationKind.LIMIT_LOST, f"{when} the limit was {limit}, and {words} had been set")

    def _violation(self, kind: ViolationKind, story: str, calls: tuple[str, ...] = ()) -> Violation:
        return Violation(kind=kind, story=story, organization_id=self._id, calls=calls)

    def _told(self, call: Call) -> str:
        assert call.ended_at is not None, "only calls that ended are told of"
        return f"call {call.id} (person {call.person}, {self._when(call.began_at)} to {self._when(call.ended_at)})"

    def _when(self, instant: int) -> str:
        return f"+{max(0, instant - self._start) / SECOND:.6f} s"

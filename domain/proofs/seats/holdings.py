"""Who held which seat from when to when, as far as the history and the tables at the end can tell. Pure.

What a killed process left unsure is settled by what was seen: a membership that no call was told of was made by an
unsure one, and one that is gone without a call that was told so was removed by an unsure one. The line of a removal
names the membership before the removal begins, so that none comes and goes unseen.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from domain.proofs.seats.history import Answer, Call, Ending, Operation
from domain.proofs.seats.timeline import FOREVER
from domain.proofs.seats.violations import ViolationKind

FOUNDER = "founder"


@dataclass(slots=True, kw_only=True)
class Holding:
    """A seat taken: possibly from `began`, surely from `sure`, possibly gone from `ending`, surely from `gone`."""

    holder: str
    person: int | None
    began: int
    sure: int
    ending: int = FOREVER
    gone: int = FOREVER
    calls: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Broken:
    """A promise that this organization's history shows broken."""

    kind: ViolationKind
    story: str
    calls: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class House:
    """The holdings of one organization, and what did not add up while they were put together."""

    holdings: list[Holding] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def reconstruct(calls: list[Call], ending: Ending, people: Mapping[str, int]) -> House:
    """Put together who held a seat when; `people` are the places of user ids, and who is none of them founded it."""
    return _Reconstruction(calls, ending, people).house()


class _Reconstruction:
    def __init__(self, calls: list[Call], ending: Ending, people: Mapping[str, int]) -> None:
        self._calls = calls
        self._ending = ending
        self._members = {holder: people[user] for holder, user in ending.members.items() if user in people}
        self._told = {call.holder: call for call in calls if call.operation is Operation.ADD and call.holder}
        self._removals: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            if call.operation is Operation.REMOVE and call.holder:
                self._removals[call.holder].append(call)
        self._unsure: dict[int, list[Call]] = defaultdict(list)
        for call in calls:
            if call.operation is Operation.ADD and call.answer is Answer.UNSURE and call.person is not None:
                self._unsure[call.person].append(call)
        self._broken: list[Broken] = []

    def house(self) -> House:
        holdings = [*self._known(), *self._found()]
        for holding in holdings:
            self._end(holding)
        self._settle_unsure_ends(holdings)
        self._broken.extend(self._ledger({holding.holder for holding in holdings}))
        founder = Holding(holder=FOUNDER, person=None, began=0, sure=0)
        return House(holdings=[founder, *holdings], broken=self._broken)

    def _known(self) -> Iterator[Holding]:
        for holder, call in self._told.items():
            assert call.ended_at is not None, "who names a holder has heard the end"
            yield Holding(holder=holder, person=call.person, began=call.began_at, sure=call.ended_at, calls=(call.id,))

    def _found(self) -> Iterator[Holding]:
        """Give the memberships that were seen and that no call was told of."""
        seen: dict[int, list[str]] = defaultdict(list)
        named = {holder: calls[0].person for holder, calls in self._removals.items()}
        for holder, person in {**named, **self._members}.items():
            if holder not in self._told and person is not None:
                seen[person].append(holder)
        for person, holders in seen.items():
            makers = self._unsure[person]
            if len(makers) < len(holders):
                self._break(
                    ViolationKind.WRITE_HALF_DONE,
                    f"person {person} got the memberships {', '.join(holders)}, and only {len(makers)} calls that were"
                    " cut off can have made them",
                    *makers,
                )
            for holder in holders:
                named_at = min((call.began_at for call in self._removals.get(holder, ())), default=FOREVER)
                yield Holding(
                    holder=holder,
                    person=person,
                    began=min((call.began_at for call in makers), default=0),
                    sure=named_at,
                    calls=tuple(call.id for call in makers),
                )

    def _end(self, holding: Holding) -> None:
        removals = self._removals.get(holding.holder, [])
        done = [call for call in removals if call.answer is Answer.DONE]
        unsure = [call for call in removals if call.answer is Answer.UNSURE]
        if len(done) > 1:
            self._break(ViolationKind.WRITE_HALF_DONE, f"{_who(holding)} was removed twice", *done)
        if holding.holder in self._members:
            if done:
                self._break(ViolationKind.WRITE_LOST, f"{_who(holding)} is still there after it was removed", *done)
            return
        if done:
            assert done[0].ended_at is not None, "what is done has ended"
            holding.ending, holding.gone = done[0].began_at, done[0].ended_at
            return
        holding.ending = min((call.began_at for call in unsure), default=holding.began)
        if not unsure:
            self._broken.append(
                Broken(
                    kind=ViolationKind.WRITE_LOST,
                    story=f"{_who(holding)} is gone, and nobody has removed it",
                    calls=holding.calls,
                )
            )

    def _settle_unsure_ends(self, holdings: list[Holding]) -> None:
        """Whoever came in again had surely left by then."""
        again: dict[int | None, list[Call]] = defaultdict(list)
        for call in self._told.values():
            again[call.person].append(call)
        for holding in holdings:
            if holding.ending < FOREVER and holding.gone == FOREVER:
                later = (
                    call.ended_at
                    for call in again[holding.person]
                    if call.holder != holding.holder and call.began_at >= holding.sure and call.ended_at is not None
                )
                holding.gone = min(later, default=FOREVER)

    def _ledger(self, holders: set[str]) -> Iterator[Broken]:
        """Compare what calls were told with what the ledger remembers: a command and its audit row are one write."""
        half = ViolationKind.WRITE_HALF_DONE
        for holder, call in self._told.items():
            if holder not in self._ending.added:
                yield Broken(kind=half, story=f"the ledger knows nothing of membership {holder}", calls=(call.id,))
        for holder in sorted(self._ending.added - holders):
            yield Broken(kind=half, story=f"the ledger knows of membership {holder}, and nobody else does")
        removed = {holder for holder, calls in self._removals.items() if _may_have_ended(calls)}
        told = {holder for holder, calls in self._removals.items() if any(c.answer is Answer.DONE for c in calls)}
        for holder in sorted(told - self._ending.removed):
            calls = tuple(call.id for call in self._removals[holder])
            yield Broken(kind=half, story=f"the ledger knows nothing of the removal of {holder}", calls=calls)
        for holder in sorted(self._ending.removed - removed):
            yield Broken(kind=half, story=f"the ledger knows of the removal of {holder}, and nobody else does")

    def _break(self, kind: ViolationKind, story: str, *calls: Call) -> None:
        self._broken.append(Broken(kind=kind, story=story, calls=tuple(call.id for call in calls)))


def _may_have_ended(calls: list[Call]) -> bool:
    return any(call.answer in {Answer.DONE, Answer.UNSURE} for call in calls)


def _who(holding: Holding) -> str:
    return f"person {holding.person} (membership {holding.holder})"

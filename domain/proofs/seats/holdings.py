"""Who held which seat from when to when, as far as the history and the tables at the end can tell. Pure.

What a killed process left unsure is settled by what was seen. Invitations stay in their table whatever becomes of them,
and a removal names its membership before it begins, so that none comes and goes unseen: what no call was told of was
made by one that was cut off. A person holds one seat of an organization at most, as a member or by an invitation.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.organizations import InvitationStatus
from domain.proofs.seats.history import TAKING, Answer, Call, Ending, Operation
from domain.proofs.seats.timeline import FOREVER
from domain.proofs.seats.trail import Broken, compare
from domain.proofs.seats.violations import ViolationKind

FOUNDER = "founder"


@dataclass(slots=True, kw_only=True)
class Holding:
    """A seat taken: possibly from `began`, surely from `sure`, possibly gone from `ending`, surely from `gone`.

    `asked` is whether the limit was asked for when it was taken; accepting an invitation does not ask again.
    """

    holder: str
    person: int | None
    began: int
    sure: int
    ending: int = FOREVER
    gone: int = FOREVER
    asked: bool = True
    calls: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class House:
    """The holdings of one organization, and what did not add up while they were put together."""

    holdings: list[Holding] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def reconstruct(calls: Sequence[Call], ending: Ending, people: Mapping[str, int]) -> House:
    """Put together who held a seat when; `people` are the places of user ids, and who is none of them founded it."""
    return _Reconstruction(calls, ending, people).house()


class _Reconstruction:
    def __init__(self, calls: Sequence[Call], ending: Ending, people: Mapping[str, int]) -> None:
        self._calls = calls
        self._ending = ending
        self._members = {holder: people[user] for holder, user in ending.members.items() if user in people}
        self._invited = {holder: people[offer.user] for holder, offer in ending.invitations.items()}
        self._told = {call.takes: call for call in calls if call.takes is not None}
        self._ends: dict[str, list[Call]] = defaultdict(list)
        self._takes: dict[int | None, list[Call]] = defaultdict(list)
        for call in calls:
            if call.ends is not None:
                self._ends[call.ends].append(call)
            if call.operation in TAKING and call.happens:
                self._takes[call.person].append(call)
        self._broken: list[Broken] = []

    def house(self) -> House:
        holdings = {held.holder: held for held in (*self._known(), *self._found(), *self._found_invitations())}
        for held in holdings.values():
            self._end_invitation(held) if held.holder in self._invited else self._end(held)
        self._settle(holdings.values())
        self._broken.extend(compare(self._calls, self._ending, holdings.keys()))
        self._refused_at_the_door(holdings)
        self._join(holdings)
        founder = Holding(holder=FOUNDER, person=None, began=0, sure=0)
        return House(holdings=[founder, *holdings.values()], broken=self._broken)

    def _known(self) -> Iterator[Holding]:
        for holder, call in self._told.items():
            assert call.ended_at is not None, "who names what it took has heard the end"
            asked = call.operation is not Operation.ACCEPT
            yield _taken(holder, call.person, [call], sure=call.ended_at, asked=asked)

    def _found(self) -> Iterator[Holding]:
        """Give the memberships that were seen and that no call was told of."""
        named = {
            holder: calls[0].person for holder, calls in self._ends.items() if calls[0].operation is Operation.REMOVE
        }
        yield from self._unheard({**named, **self._members}, {Operation.ADD, Operation.ACCEPT})

    def _found_invitations(self) -> Iterator[Holding]:
        """Give the invitations that are in the table and that no call was told of."""
        yield from self._unheard(self._invited, {Operation.INVITE})

    def _unheard(self, found: Mapping[str, int | None], operations: set[Operation]) -> Iterator[Holding]:
        seen: dict[int | None, list[str]] = defaultdict(list)
        for holder, person in found.items():
            if holder not in self._told:
                seen[person].append(holder)
        for person, holders in seen.items():
            makers = [
                call for call in self._takes[person] if call.answer is Answer.UNSURE and call.operation in operations
            ]
            if len(makers) < len(holders):
                self._break(
                    ViolationKind.WRITE_HALF_DONE,
                    f"person {person} got {', '.join(holders)}, and only {len(makers)} calls that were cut off can have"
                    " done that",
                    *makers,
                )
            asked = all(call.operation is not Operation.ACCEPT for call in makers)
            for holder in holders:
                named_at = min((call.began_at for call in self._ends.get(holder, ())), default=FOREVER)
                yield _taken(holder, person, makers, sure=named_at, asked=asked)

    def _end(self, held: Holding) -> None:
        """Find out when a member left. An invitation that is in no table was never one, and is lost."""
        named = self._ends.get(held.holder, [])
        done = [call for call in named if call.answer is Answer.DONE]
        if held.holder in self._members:
            if done:
                self._break(ViolationKind.WRITE_LOST, f"{_who(held)} is still there after the removal", *done)
            return
        self._gone(held, named)

    def _end_invitation(self, held: Holding) -> None:
        status = self._ending.invitations[held.holder].status
        ends = {InvitationStatus.REVOKED: Operation.REVOKE, InvitationStatus.ACCEPTED: Operation.ACCEPT}
        named = self._ends.get(held.holder, [])
        for call in named:
            if call.answer is Answer.DONE and call.operation is not ends.get(status):
                self._break(ViolationKind.WRITE_LOST, f"{_who(held)} is {status} after {call.operation}", call)
        if status is InvitationStatus.PENDING:
            return
        if status is InvitationStatus.SUPERSEDED:
            self._superseded(held)
        else:
            self._gone(held, [call for call in named if call.operation is ends.get(status)])

    def _gone(self, held: Holding, named: Sequence[Call]) -> None:
        """Say when something that is gone has gone: by the call that was told so, else by one that was cut off."""
        done = [call for call in named if call.answer is Answer.DONE]
        if len(done) > 1:
            self._break(ViolationKind.WRITE_HALF_DONE, f"{_who(held)} was ended twice", *done)
        self._let_go(held, done[:1] or [call for call in named if call.answer is Answer.UNSURE])

    def _superseded(self, held: Holding) -> None:
        """Any later addition or invitation of the same person may have taken the invitation's place."""
        later = (call for call in self._takes[held.person] if call.takes != held.holder)
        self._let_go(held, [call for call in later if call.asks and (call.ended_at or FOREVER) >= held.began])

    def _let_go(self, held: Holding, causes: Sequence[Call]) -> None:
        if not causes:
            story = f"{_who(held)} is gone, and nobody has ended it"
            self._broken.append(Broken(kind=ViolationKind.WRITE_LOST, story=story, calls=held.calls))
            held.ending = held.began
            return
        held.ending = min(call.began_at for call in causes)
        held.gone = max(FOREVER if call.ended_at is None else call.ended_at for call in causes)

    def _settle(self, holdings: Iterable[Holding]) -> None:
        """Whoever came in again, or was invited anew, had surely let go of the former seat by then."""
        for held in holdings:
            if held.ending == FOREVER or held.gone < FOREVER:
                continue
            later = (
                call.ended_at
                for call in self._takes[held.person]
                if call.ended_at is not None and call.takes != held.holder and call.began_at >= held.sure
            )
            held.gone = min(later, default=FOREVER)

    def _refused_at_the_door(self, holdings: Mapping[str, Holding]) -> None:
        """Accuse whoever refused an invitation that surely held its seat during the whole call."""
        for call in self._calls:
            if call.operation is not Operation.ACCEPT or call.happens or call.ends is None or call.ended_at is None:
                continue
            held = holdings.get(call.ends)
            if held is not None and held.sure <= call.began_at and call.ended_at < held.ending:
                story = f"{_who(held)} was not let in by an invitation that held its seat ({call.code})"
                self._break(ViolationKind.REFUSED_WHILE_FREE, story, call)

    def _join(self, holdings: dict[str, Holding]) -> None:
        """Let a seat be one, from the invitation on, for whoever accepted it."""
        for call in self._calls:
            if call.operation is Operation.ACCEPT and call.takes is not None and call.ends in holdings:
                member, invitation = holdings.pop(call.takes), holdings[call.ends]
                invitation.ending, invitation.gone = member.ending, member.gone
                invitation.calls = (*invitation.calls, *member.calls)

    def _break(self, kind: ViolationKind, story: str, *calls: Call) -> None:
        self._broken.append(Broken(kind=kind, story=story, calls=tuple(call.id for call in calls)))


def _taken(holder: str, person: int | None, makers: Sequence[Call], *, sure: int, asked: bool) -> Holding:
    return Holding(
        holder=holder,
        person=person,
        began=min((call.began_at for call in makers), default=0),
        sure=sure,
        asked=asked,
        calls=tuple(call.id for call in makers),
    )


def _who(held: Holding) -> str:
    return f"person {held.person} ({held.holder})"

"""Histories of one organization, told by hand: each says what was recorded and what is in the tables at the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from domain.organizations import InvitationStatus
from domain.proofs.seats.checking import check
from domain.proofs.seats.history import Answer, Call, Ending, History, Offer, Operation, Sample
from domain.proofs.seats.violations import Violation, ViolationKind

ORGANIZATION = "org_1"
FOUNDER, FOUNDERS_PLACE = "usr_founder", "mem_founder"
OVERSOLD, WHILE_FREE = ViolationKind.OVERSOLD, ViolationKind.REFUSED_WHILE_FREE
LOST, HALF_DONE = ViolationKind.WRITE_LOST, ViolationKind.WRITE_HALF_DONE
PEOPLE = tuple(f"usr_{number}" for number in range(12))


@dataclass
class Tale:
    """What is told and what is there in the end: the two agree until a test says otherwise.

    Instants are plain numbers. An end of None: the process was killed. The founder sits on one seat.
    """

    limit: int
    calls: list[Call] = field(default_factory=list)
    members: dict[str, str] = field(default_factory=lambda: {FOUNDERS_PLACE: FOUNDER})
    added: set[str] = field(default_factory=set)
    invitations: dict[str, Offer] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)
    final_limit: int | None = None
    used: int | None = None
    numbers: Iterator[int] = field(default_factory=count)

    def add(self, person: int, start: int, end: int | None, *, there: bool = True) -> str:
        """Somebody was let in; one whose call was cut off may be `there` or not."""
        holder = f"mem_{person}_{start}"
        self._call(Operation.ADD, start, end, Answer.DONE, person=person, takes=holder)
        if there:
            self._supersede(person)
            self._enter(holder, person)
        return holder

    def full(self, person: int, start: int, end: int, *, operation: Operation = Operation.ADD) -> None:
        self._call(operation, start, end, Answer.FULL, person=person)

    def invite(self, person: int, start: int, end: int | None, *, there: bool = True) -> str:
        holder = f"inv_{person}_{start}"
        self._call(Operation.INVITE, start, end, Answer.DONE, person=person, takes=holder)
        if there:
            self._supersede(person)
            self.invitations[holder] = Offer(user=PEOPLE[person], status=InvitationStatus.PENDING)
            self.added.add(holder)
        return holder

    def accept(self, invitation: str, start: int, end: int | None, *, there: bool = True) -> str:
        person = int(invitation.split("_")[1])
        holder = f"mem_{person}_{start}"
        self._call(Operation.ACCEPT, start, end, Answer.DONE, person=person, takes=holder, ends=invitation)
        if there:
            self.end(invitation, InvitationStatus.ACCEPTED)
            self.ended.add(invitation)
            self._enter(holder, person)
        return holder

    def revoke(self, invitation: str, start: int, end: int | None, *, gone: bool = True) -> None:
        person = int(invitation.split("_")[1])
        self._call(Operation.REVOKE, start, end, Answer.DONE, person=person, ends=invitation)
        if gone:
            self.end(invitation, InvitationStatus.REVOKED)
            self.ended.add(invitation)

    def remove(self, holder: str, start: int, end: int | None, *, gone: bool = True) -> None:
        person = int(holder.split("_")[1])
        self._call(Operation.REMOVE, start, end, Answer.DONE, person=person, ends=holder)
        if gone:
            self.members.pop(holder, None)
            self.ended.add(holder)

    def in_vain(self, holder: str, start: int, end: int | None, *, operation: Operation = Operation.REMOVE) -> None:
        """Somebody wanted to end what was gone already."""
        person = int(holder.split("_")[1])
        self._call(operation, start, end, Answer.REFUSED, person=person, ends=holder)

    def set_limit(self, limit: int, start: int, end: int | None, *, applied: bool = True) -> None:
        self._call(Operation.LIMIT, start, end, Answer.DONE, limit=limit, order=len(self.calls) + 1)
        if applied:
            self.final_limit = limit

    def sample(self, start: int, end: int, *, used: int, limit: int, holders: int | None = None) -> None:
        rows = used if holders is None else holders
        self.samples.append(
            Sample(organization=0, began_at=start, ended_at=end, used=used, holders=rows, living=rows, limit=limit)
        )

    def violations(self, limit: int | None = None) -> list[Violation]:
        reserved = frozenset(self.invitations[holder].user for holder in self.pending())
        ending = Ending(
            used=self.held() if self.used is None else self.used,
            holders=frozenset(self.members.values()),
            reserved=reserved,
            members=dict(self.members),
            invitations=dict(self.invitations),
            added=frozenset(self.added),
            ended=frozenset(self.ended),
            limit=limit or self.final_limit or self.limit,
        )
        history = History(
            organizations=(ORGANIZATION,),
            people=PEOPLE,
            limits=(self.limit,),
            calls=self.calls,
            samples=self.samples,
        )
        return check(history, {ORGANIZATION: ending})

    def pending(self) -> list[str]:
        return [id for id, offer in self.invitations.items() if offer.status is InvitationStatus.PENDING]

    def held(self) -> int:
        return len(self.members) + len(self.pending())

    def seat_of(self, person: int) -> str | None:
        """Give the membership or pending invitation of a person."""
        offers = [id for id in self.pending() if self.invitations[id].user == PEOPLE[person]]
        return next((id for id, user in self.members.items() if user == PEOPLE[person]), next(iter(offers), None))

    def end(self, invitation: str, status: InvitationStatus) -> None:
        self.invitations[invitation] = Offer(user=self.invitations[invitation].user, status=status)

    def _enter(self, holder: str, person: int) -> None:
        self.members[holder] = PEOPLE[person]
        self.added.add(holder)

    def _supersede(self, person: int) -> None:
        for id in self.pending():
            if self.invitations[id].user == PEOPLE[person]:
                self.end(id, InvitationStatus.SUPERSEDED)

    def _call(
        self,
        operation: Operation,
        start: int,
        end: int | None,
        answer: Answer,
        *,
        person: int | None = None,
        takes: str | None = None,
        ends: str | None = None,
        limit: int | None = None,
        order: int | None = None,
    ) -> None:
        self.calls.append(
            Call(
                id=f"{operation}.{next(self.numbers)}",
                operation=operation,
                organization=0,
                began_at=start,
                ended_at=end,
                answer=Answer.UNSURE if end is None else answer,
                person=person,
                takes=takes if end is not None and answer is Answer.DONE else None,
                ends=ends,
                limit=limit,
                order=order,
            )
        )


def kinds(tale: Tale) -> list[ViolationKind]:
    return [violation.kind for violation in tale.violations()]

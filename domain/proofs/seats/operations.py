"""What the processes of the proof do: one table of operations, each carried out by the real command.

A random choice of a task is made before; what stands in the history is what was asked for and what was answered.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Protocol

from sqlalchemy import bindparam, select

from domain.db import Key, Lookup, Session
from domain.errors import Unavailable
from domain.ids import UserId
from domain.organizations import Invitation, InvitationStatus, Members, Membership, UserRef
from domain.proofs.seats import arena
from domain.proofs.seats.history import Operation
from domain.proofs.seats.plan import FEWEST_SEATS, MOST_SEATS, Stage
from domain.scope import Actor, ActorKind, Role, Scope
from domain.wiring import Services

# What a task does, by chance; the rest ends a membership or an invitation.
ADD_SHARE, INVITE_SHARE, ACCEPT_SHARE = 0.45, 0.2, 0.1
MEMBER_SHARE = 0.7
# Of each organization; a token stays after it was used, so that it is used again.
TOKENS_KEPT = 3
_ORGANIZATION = bindparam("organization", type_=Key)
_MEMBERS = Lookup(
    select(Membership.__table__.c.id, Membership.__table__.c.user_id).where(
        Membership.organization_id == _ORGANIZATION, Membership.role == Role.MEMBER
    )
)
_INVITATIONS = Lookup(
    select(Invitation.__table__.c.id, Invitation.__table__.c.email).where(
        Invitation.organization_id == _ORGANIZATION, Invitation.status == InvitationStatus.PENDING
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one call is to do. `limit` and `order` are of a change of limit; `token` is kept out of the history."""

    operation: Operation
    organization: int
    person: int | None = None
    ends: str | None = None
    limit: int | None = None
    order: int | None = None
    token: str = ""

    def facts(self) -> dict[str, object]:
        """Give what the history keeps of it."""
        facts = {"person": self.person, "ends": self.ends, "limit": self.limit, "order": self.order}
        return {name: fact for name, fact in facts.items() if fact is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What an invited person was handed."""

    invitation_id: str
    person: int
    token: str


class Adding(Protocol):
    """Gives a person a place: the real command, or the planted fault in its stead."""

    async def __call__(self, organization_id: str, user_id: str) -> str:
        """Add, and name the membership."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """What the tasks of one process work with."""

    services: Services
    stage: Stage
    adding: Adding
    tokens: dict[int, deque[Token]] = field(default_factory=dict)

    async def choose(self, chance: Random, *, organization: int) -> Attempt:
        """Choose whom to let in or to invite, or what to end of that which is there, where it can be looked up."""
        person, share = chance.randrange(len(self.stage.people)), chance.random()
        if share < ADD_SHARE:
            return Attempt(operation=Operation.ADD, organization=organization, person=person)
        if share < ADD_SHARE + INVITE_SHARE:
            return Attempt(operation=Operation.INVITE, organization=organization, person=person)
        tokens = self.tokens.get(organization)
        if share < ADD_SHARE + INVITE_SHARE + ACCEPT_SHARE and tokens:
            at = chance.choice(tokens)
            return Attempt(
                operation=Operation.ACCEPT,
                organization=organization,
                person=at.person,
                ends=at.invitation_id,
                token=at.token,
            )
        kind = Operation.REMOVE if chance.random() < MEMBER_SHARE else Operation.REVOKE
        return await self._ending(chance, organization, kind) or Attempt(
            operation=Operation.ADD, organization=organization, person=person
        )

    async def _ending(self, chance: Random, organization: int, kind: Operation) -> Attempt | None:
        lookup = _MEMBERS if kind is Operation.REMOVE else _INVITATIONS
        try:
            rows = await self.services.database.look_up(lookup, organization=self.stage.organizations[organization])
        except Unavailable:
            return None
        if not rows:
            return None
        holder, whose = chance.choice(sorted(rows))
        person = self.stage.people.index(whose) if kind is Operation.REMOVE else arena.person_at(whose)
        return Attempt(operation=kind, organization=organization, person=person, ends=holder)

    async def carry_out(self, attempt: Attempt) -> str | None:
        """Do it, and name what has a seat from now on where something has.

        Raises:
            DomainError: the command's own no.
        """
        return await _TABLE[attempt.operation](self, attempt)


def seats_wanted(chance: Random) -> int:
    """Choose a limit."""
    return chance.randint(FEWEST_SEATS, MOST_SEATS)


async def _add(ring: Ring, attempt: Attempt) -> str:
    assert attempt.person is not None, "somebody is added"
    return await ring.adding(ring.stage.organizations[attempt.organization], ring.stage.people[attempt.person])


async def _remove(ring: Ring, attempt: Attempt) -> None:
    remove = ring.services.members.remove
    await ring.services.database.run(partial(remove, scope=arena.PROOF, membership_id=attempt.ends or ""))


async def _invite(ring: Ring, attempt: Attempt) -> str:
    assert attempt.person is not None, "somebody is invited"
    invite = partial(
        ring.services.invitations.invite,
        scope=arena.PROOF,
        organization_id=ring.stage.organizations[attempt.organization],
        email=arena.address_of(attempt.person),
        role=Role.MEMBER,
    )
    made = await ring.services.database.run(invite)
    kept = ring.tokens.setdefault(attempt.organization, deque(maxlen=TOKENS_KEPT))
    kept.append(Token(invitation_id=made.invitation.id, person=attempt.person, token=made.token))
    return made.invitation.id


async def _accept(ring: Ring, attempt: Attempt) -> str:
    assert attempt.person is not None, "somebody accepts"
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=ring.stage.people[attempt.person]))
    accept = partial(ring.services.invitations.accept, scope=scope, token=attempt.token)
    return (await ring.services.database.run(accept)).id


async def _revoke(ring: Ring, attempt: Attempt) -> None:
    revoke = ring.services.invitations.revoke
    await ring.services.database.run(partial(revoke, scope=arena.PROOF, invitation_id=attempt.ends or ""))


async def _limit(ring: Ring, attempt: Attempt) -> None:
    assert attempt.limit is not None, "a limit is set"
    assert attempt.order is not None, "and has its place in line"
    await arena.set_limit(ring.services, attempt.organization, seats=attempt.limit, order=attempt.order)


_TABLE: Mapping[Operation, Callable[[Ring, Attempt], Awaitable[str | None]]] = {
    Operation.ADD: _add,
    Operation.REMOVE: _remove,
    Operation.INVITE: _invite,
    Operation.ACCEPT: _accept,
    Operation.REVOKE: _revoke,
    Operation.LIMIT: _limit,
}


@dataclass(frozen=True, slots=True)
class RealAdding:
    """The command itself."""

    services: Services

    async def __call__(self, organization_id: str, user_id: str) -> str:
        """Add, in one transaction."""
        return await self.services.database.run(partial(enter, self.services.members, organization_id, user_id))


async def enter(members: Members, organization_id: str, user_id: str, session: Session) -> str:
    """Add a member and name the membership."""
    made = await members.add(
        session, scope=arena.PROOF, organization_id=organization_id, who=UserRef(id=UserId(user_id)), role=Role.MEMBER
    )
    return made.id

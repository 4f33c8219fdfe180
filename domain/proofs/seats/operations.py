"""What the processes of the proof do: one table of operations, each carried out by the real command.

A random choice of a task is made before; what stands in the history is what was asked for and what was answered.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from sqlalchemy import bindparam, select

from domain.db import Lookup, Session
from domain.errors import Unavailable
from domain.ids import UserId
from domain.organizations import Members, Membership, UserRef
from domain.proofs.seats import arena
from domain.proofs.seats.history import Operation
from domain.proofs.seats.plan import FEWEST_SEATS, MOST_SEATS, Stage
from domain.scope import Role
from domain.wiring import Services

ADD_SHARE = 0.7
_COLUMNS = (Membership.__table__.c.id, Membership.__table__.c.user_id)
_IN = Lookup(
    select(*_COLUMNS).where(Membership.organization_id == bindparam("organization"), Membership.role == Role.MEMBER)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one call is to do. `limit` and `order` are of a change of limit, `person` and `holder` of all others."""

    operation: Operation
    organization: int
    person: int | None = None
    holder: str | None = None
    limit: int | None = None
    order: int | None = None

    def facts(self) -> dict[str, object]:
        """Give what the history keeps of it."""
        facts = {"person": self.person, "holder": self.holder, "limit": self.limit, "order": self.order}
        return {name: fact for name, fact in facts.items() if fact is not None}


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
    places: Mapping[str, int]

    async def choose(self, chance: Random, *, organization: int) -> Attempt:
        """Choose whom to let in, or whom to remove of those who are in, where they can be looked up."""
        person = chance.randrange(len(self.stage.people))
        add = Attempt(operation=Operation.ADD, organization=organization, person=person)
        if chance.random() < ADD_SHARE:
            return add
        try:
            rows = await self.services.database.look_up(_IN, organization=self.stage.organizations[organization])
        except Unavailable:
            return add
        if not rows:
            return add
        holder, user = chance.choice(sorted(rows))
        return Attempt(operation=Operation.REMOVE, organization=organization, person=self.places[user], holder=holder)

    async def carry_out(self, attempt: Attempt) -> str | None:
        """Do it, and name what holds the seat now where something does.

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
    await ring.services.database.run(partial(_leave, ring.services.members, attempt.holder or ""))


async def _limit(ring: Ring, attempt: Attempt) -> None:
    assert attempt.limit is not None, "a limit is set"
    assert attempt.order is not None, "and has its place in line"
    await arena.set_limit(ring.services, attempt.organization, seats=attempt.limit, order=attempt.order)


_TABLE: Mapping[Operation, Callable[[Ring, Attempt], Awaitable[str | None]]] = {
    Operation.ADD: _add,
    Operation.REMOVE: _remove,
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


async def _leave(members: Members, membership_id: str, session: Session) -> None:
    await members.remove(session, scope=arena.PROOF, membership_id=membership_id)

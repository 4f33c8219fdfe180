"""A paid-up organization and people who want to come in: what a race for its seats needs."""

from dataclasses import dataclass

from sqlalchemy import select

from domain.audit import AuditEvent
from domain.billing import Owner, OwnerKind, Purchase, find_customer
from domain.billing.seats import SeatHolder, SeatPool
from domain.db import Database, Session
from domain.identity import Arrival, User
from domain.organizations import Membership, Organization
from domain.scope import Actor, ActorKind, Scope
from domain.wiring import Services

CATALOG = """
[plans.team]
limits = { seats = { per = "quantity" } }
price_ids = ["price_team"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """The organization and its founding owner: the subject of a token, and the id."""

    organization_id: str
    founder: str
    founder_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Who is in, by every table that should know: user ids, but for the ids of the memberships themselves."""

    memberships: set[str]
    members: list[str]
    holders: list[str]
    remembered: list[str]
    used: int

    def adds_up(self, *, founder: str) -> bool:
        """Say whether every member has one seat and, but for the founder, one audit row, and nobody else has any."""
        seats = sorted(self.members) == sorted(self.holders) and self.used == len(self.holders)
        return seats and sorted([founder, *self.remembered]) == sorted(self.members)


async def look_at(database: Database) -> House:
    """Read at one instant who is in, in a database with one organization."""
    added = select(AuditEvent.after).where(AuditEvent.action == "membership.added")
    async with database.snapshot() as session:
        return House(
            memberships=set(await session.scalars(select(Membership.id))),
            members=list(await session.scalars(select(Membership.user_id))),
            holders=list(await session.scalars(select(SeatHolder.holder_id))),
            remembered=[(after or {})["user_id"] for after in await session.scalars(added)],
            used=(await session.scalars(select(SeatPool.used))).one(),
        )


async def open_arena(services: Services, *, seats: int) -> Arena:
    """Found an organization and buy seats for it through the Fake; the founder sits on the first of them."""
    founder = await arrive(services, "founder")
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=founder.id))

    async def found(session: Session) -> Organization:
        return await services.organizations.create(session, scope=scope, name="Arena")

    organization = await services.database.run(found)
    async with services.database.snapshot() as session:
        customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=organization.id))
    assert customer is not None
    items = [Purchase(price_id="price_team", quantity=seats)]
    await services.commands.subscribe(scope=scope, customer_id=customer.id, items=items)
    while await services.worker.round():
        """Let the Fake's webhooks arrive."""
    return Arena(organization_id=organization.id, founder=founder.subject, founder_id=founder.id)


async def arrive(services: Services, subject: str) -> User:
    """Make somebody known, with a verified address."""
    arrival = Arrival(issuer="", subject=subject, email=f"{subject}@example.test", name=subject, issued_at=None)
    return await services.users.arrive(arrival)

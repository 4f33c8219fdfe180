"""The ground of the proof: organizations with paid seats and people who want them, all made by the real commands.

Also what is read of it: samples while the fight is on, and everything once it is over.
"""

from collections import defaultdict
from functools import partial
from typing import Any

from sqlalchemy import Row, func, select

from domain import billing
from domain.audit import AuditEvent
from domain.billing import Customer, Owner, OwnerKind, ProcessorName, WebhookEvent, WebhookStatus, find_customer
from domain.billing.processors.fake import FakeProcessor
from domain.db import Session
from domain.errors import Unavailable
from domain.identity import Arrival, User
from domain.organizations import Membership, Organization
from domain.proofs.seats import events
from domain.proofs.seats.history import Ending, Sample, now
from domain.proofs.seats.plan import Plan, Stage
from domain.scope import Actor, ActorKind, Scope, system
from domain.wiring import Services

ISSUER = "proof"
PROOF = system("proof")


async def prepare(services: Services, plan: Plan) -> Stage:
    """Make the people, and organizations that each have a founder, paid seats and nobody else."""
    founder = await _arrive(services, "founder")
    people = [(await _arrive(services, f"person-{number}")).id for number in range(plan.people)]
    organizations = []
    for number, seats in enumerate(plan.first_limits()):
        found = partial(_found, services=services, founder=founder, number=number)
        organization = await services.database.run(found)
        organizations.append(organization.id)
        await set_limit(services, number, seats=seats, order=0)
    return Stage(plan=plan, organizations=tuple(organizations), people=tuple(people))


async def set_limit(services: Services, organization: int, *, seats: int, order: int) -> None:
    """Let the processor tell of a new number of seats: a signed event, through the inbox.

    Raises:
        Unavailable: it is not known to be applied; what is only stored is applied later, by a worker.
    """
    fake = services.processors[ProcessorName.FAKE]
    assert isinstance(fake, FakeProcessor), "the proof's settings name no other processor"
    body = events.subscription(organization, seats=seats, order=order)
    await services.inbox.receive(ProcessorName.FAKE, body, fake.sign(body))
    query = select(WebhookEvent.status).where(WebhookEvent.event_id == events.event_id(organization, order=order))
    async with services.database.snapshot() as session:
        if (await session.execute(query)).scalar_one() is not WebhookStatus.APPLIED:
            raise Unavailable


async def sample(services: Services, stage: Stage) -> list[Sample]:
    """Look at every organization at one instant: the counter, the rows that it stands for, and the limit."""
    began_at = now()
    async with services.database.snapshot() as session:
        counted = await _counts(session, stage)
        usages = await services.entitlements.seat_usages(session, stage.organizations)
    ended_at = now()
    return [
        Sample(
            organization=number,
            began_at=began_at,
            ended_at=ended_at,
            used=counted[id].used,
            holders=counted[id].holders,
            living=counted[id].living,
            limit=usages[id].limit,
        )
        for number, id in enumerate(stage.organizations)
    ]


async def read_endings(services: Services, stage: Stage) -> dict[str, Ending]:
    """Read everything, once all that killed processes had under way is over: nobody can write meanwhile."""
    return await services.database.run(partial(_endings, services=services, stage=stage))


async def _endings(session: Session, *, services: Services, stage: Stage) -> dict[str, Ending]:
    await _hold_still(session)
    counted = await _counts(session, stage)
    usages = await services.entitlements.seat_usages(session, stage.organizations)
    members, holders = await _members(session), await _holders(session)
    added, removed = await _ledger(session, "membership.added"), await _ledger(session, "membership.removed")
    return {
        id: Ending(
            used=counted[id].used,
            holders=frozenset(holders[id]),
            members=members[id],
            added=frozenset(added[id]),
            removed=frozenset(removed[id]),
            limit=usages[id].limit,
        )
        for id in stage.organizations
    }


async def _hold_still(session: Session) -> None:
    """Take every lock that a command takes first; whatever still runs on the server ends before."""
    for table in (User, Organization, Customer, billing.seats.SeatPool):
        await session.execute(select(table).order_by(*table.__table__.primary_key).with_for_update())


async def _counts(session: Session, stage: Stage) -> dict[str, Row[Any]]:
    """Count with one statement, so that what it says was true at one instant."""
    pool, holder = billing.seats.SeatPool, billing.seats.SeatHolder
    holders = select(func.count()).where(holder.organization_id == pool.organization_id).scalar_subquery()
    members = select(func.count()).where(Membership.organization_id == pool.organization_id).scalar_subquery()
    query = select(
        pool.organization_id, pool.used.label("used"), holders.label("holders"), members.label("living")
    ).where(pool.organization_id.in_(stage.organizations))
    return {row.organization_id: row for row in await session.execute(query)}


async def _members(session: Session) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in await session.execute(select(Membership.organization_id, Membership.id, Membership.user_id)):
        found[row.organization_id][row.id] = row.user_id
    return found


async def _holders(session: Session) -> dict[str, set[str]]:
    holder = billing.seats.SeatHolder
    found: dict[str, set[str]] = defaultdict(set)
    for row in await session.execute(select(holder.organization_id, holder.holder_id)):
        found[row.organization_id].add(row.holder_id)
    return found


async def _ledger(session: Session, action: str) -> dict[str, set[str]]:
    query = select(AuditEvent.organization_id, AuditEvent.subject_id).where(AuditEvent.action == action)
    found: dict[str, set[str]] = defaultdict(set)
    for row in await session.execute(query):
        found[row.organization_id or ""].add(row.subject_id)
    return found


async def _arrive(services: Services, subject: str) -> User:
    arrival = Arrival(issuer=ISSUER, subject=subject, email=f"{subject}@example.test", name=subject, issued_at=None)
    return await services.users.arrive(arrival)


async def _found(session: Session, *, services: Services, founder: User, number: int) -> Organization:
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=founder.id))
    made = await services.organizations.create(session, scope=scope, name=f"Arena {number}")
    customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=made.id))
    assert customer is not None, "every organization is made with its customer"
    await billing.link_account(
        session,
        customer_id=customer.id,
        processor=ProcessorName.FAKE,
        livemode=False,
        processor_id=events.account(number),
        at=made.created_at,
    )
    return made

"""The ground of the proof: organizations with paid seats and people who want them, all made by the real commands.

Also what is read of it: samples while the fight is on, and everything once it is over.
"""

from functools import partial

from sqlalchemy import select

from domain import billing
from domain.billing import Owner, OwnerKind, ProcessorName, WebhookEvent, WebhookStatus, find_customer
from domain.billing.processors.fake import FakeProcessor
from domain.db import Session
from domain.errors import Unavailable
from domain.identity import Arrival, User
from domain.organizations import Organization
from domain.proofs.seats import events
from domain.proofs.seats.plan import Plan, Stage
from domain.scope import Actor, ActorKind, Scope, system
from domain.wiring import Services

ISSUER = "proof"
PERSON, HOST = "person-", "@example.test"
PROOF = system("proof")


async def prepare(services: Services, plan: Plan) -> Stage:
    """Make the people, and organizations that each have a founder, paid seats and nobody else."""
    founder = await _arrive(services, "founder")
    people = [(await _arrive(services, f"{PERSON}{number}")).id for number in range(plan.people)]
    organizations = []
    for number, seats in enumerate(plan.first_limits()):
        found = partial(_found, services=services, founder=founder, number=number)
        organization = await services.database.run(found)
        organizations.append(organization.id)
        await set_limit(services, number, seats=seats, order=0)
    return Stage(plan=plan, organizations=tuple(organizations), people=tuple(people))


def address_of(person: int) -> str:
    """Give a person's verified address."""
    return f"{PERSON}{person}{HOST}"


def person_at(address: str) -> int:
    """Say whose address it is."""
    return int(address.removeprefix(PERSON).removesuffix(HOST))


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


async def _arrive(services: Services, subject: str) -> User:
    arrival = Arrival(issuer=ISSUER, subject=subject, email=f"{subject}{HOST}", name=subject, issued_at=None)
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

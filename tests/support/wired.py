"""The whole house on a fresh database, with people and organizations in it."""

from pathlib import Path

from domain import ids, settings
from domain.billing import Owner, OwnerKind, ProcessorName, find_customer
from domain.billing.processors.fake import FakeProcessor
from domain.identity import Arrival
from domain.ids import CustomerId, MembershipId, Prefix
from domain.organizations import Membership, Organization
from domain.scope import Actor, ActorKind, Role, Scope
from domain.settings import Settings
from domain.wiring import Services, build
from tests.support.clock import FixedClock

SECRET = "Zq8-vN2_wL5xT0bY7rK3mJ9cF4hG6dS1"
ROOT = Path(__file__).parents[2]


def settings_of(database_url: str, **environment: str) -> Settings:
    fake = "fake" in environment.get("SEATGATE_PROCESSORS", "fake")
    names = ("SECRET_KEYS", "JWT_SECRETS", *(["FAKE_WEBHOOK_SECRETS"] if fake else []))
    secrets = {f"SEATGATE_{name}": SECRET for name in names}
    # A slow machine is no failure.
    given = {"SEATGATE_DATABASE_URL": database_url, "SEATGATE_CALLBACK_SECONDS": "30", **secrets, **environment}
    return settings.read(given, folder=ROOT)


def wired(database_url: str, clock: FixedClock, **environment: str) -> Services:
    return build(settings_of(database_url, **environment), clock=clock)


async def user(services: Services, name: str) -> Scope:
    """Register a user and give the scope of their own requests."""
    arrival = Arrival(issuer="test", subject=name, email=f"{name}@example.com", name=name, issued_at=None)
    made = await services.users.arrive(arrival)
    return Scope(actor=Actor(kind=ActorKind.USER, id=made.id))


async def organization(services: Services, owner: Scope, name: str = "Acme") -> Organization:
    async with services.database.transaction() as session:
        return await services.organizations.create(session, scope=owner, name=name)


async def member(services: Services, organization: Organization, scope: Scope, role: Role) -> None:
    """Put somebody into an organization whatever its seats say."""
    assert scope.user_id is not None
    now = services.clock.now()
    async with services.database.transaction() as session:
        session.add(
            Membership(
                id=MembershipId(ids.new(Prefix.MEMBERSHIP, at=now)),
                organization_id=organization.id,
                user_id=scope.user_id,
                role=role,
                joined_at=now,
            )
        )


async def customer_of(services: Services, owner: Organization | Scope) -> CustomerId:
    """Find the customer of an organization, or a user's own."""
    if isinstance(owner, Organization):
        of = Owner(kind=OwnerKind.ORGANIZATION, id=owner.id)
    else:
        of = Owner(kind=OwnerKind.USER, id=owner.actor.id)
    async with services.database.snapshot() as session:
        found = await find_customer(session, owner=of)
    assert found is not None
    return found.id


def fake_of(services: Services) -> FakeProcessor:
    """Give the Fake that the services were wired with."""
    fake = services.processors[ProcessorName.FAKE]
    assert isinstance(fake, FakeProcessor)
    return fake


async def detached(services: Services, organization: Organization) -> Organization:
    """Give the organization's row as a host may hold it too long: out of its session, its id no longer to be had."""
    async with services.database.snapshot() as session:
        found = await session.get_one(Organization, organization.id)
        session.expire(found)
        return found

"""The demo's organizations, made through the ordinary commands. Loading them again changes nothing."""

from collections.abc import Mapping

from domain.billing import Customer, Owner, OwnerKind, Purchase, find_customer
from domain.db import Session
from domain.entitlements import SeatUsage
from domain.identity import Arrival, User
from domain.organizations import Organization, Reading, UserRef
from domain.scope import Actor, ActorKind, Role, Scope, system
from domain.wiring import Services
from graphql_api.demo.people import FREE_OWNER, JOINER, LATECOMER, MEMBER, OWNER, PEOPLE, Person

TEAM_SLUG, FREE_SLUG = "acme", "garage"
TEAM_PRICE = "price_team_monthly"
SEATS_BOUGHT = 3


async def load(services: Services) -> SeatUsage:
    """Make the people and both organizations, unless they are there already, and tell Acme's seats.

    `acme` begins with three seats, two of them taken; `garage` has no plan, so one seat and no feature.
    """
    users = {person: await _arrive(services, person) for person in (*PEOPLE.values(), JOINER, LATECOMER)}
    team = await find_team(services)
    if team is None:
        team = await _make(services, users)
    async with services.database.snapshot() as session:
        return (await services.entitlements.seat_usages(session, [team.id]))[team.id]


async def find_team(services: Services) -> Organization | None:
    """Find the demo's paying organization."""
    async with services.database.snapshot() as session:
        return await Reading(scope=system("demo")).organization(session, slug=TEAM_SLUG)


async def customer_of(session: Session, team: Organization) -> Customer:
    """Find who pays for an organization of the demo."""
    customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=team.id))
    assert customer is not None, "every organization is made with its customer"
    return customer


async def _make(services: Services, users: Mapping[Person, User]) -> Organization:
    owner = _scope(users[OWNER])
    team = await services.database.run(lambda session: _found(services, session, owner, "Acme", TEAM_SLUG))
    free = _scope(users[FREE_OWNER])
    await services.database.run(lambda session: _found(services, session, free, "Garage", FREE_SLUG))
    async with services.database.snapshot() as session:
        payer = await customer_of(session, team)
    items = [Purchase(price_id=TEAM_PRICE, quantity=SEATS_BOUGHT)]
    await services.commands.subscribe(scope=owner, customer_id=payer.id, items=items)

    async def add(session: Session) -> None:
        who = UserRef(id=users[MEMBER].id)
        await services.members.add(session, scope=system("demo"), organization_id=team.id, who=who, role=Role.MEMBER)

    await services.database.run(add)
    while await services.worker.round():
        """Let the Fake's webhooks arrive before anybody looks."""
    return team


async def _arrive(services: Services, person: Person) -> User:
    arrival = Arrival(
        issuer=services.settings.jwt_issuer or "",
        subject=person.subject,
        email=person.email,
        name=person.name,
        issued_at=services.clock.now(),
    )
    return await services.users.arrive(arrival)


async def _found(services: Services, session: Session, scope: Scope, name: str, slug: str) -> Organization:
    return await services.organizations.create(session, scope=scope, name=name, slug=slug)


def _scope(user: User) -> Scope:
    return Scope(actor=Actor(kind=ActorKind.USER, id=user.id))

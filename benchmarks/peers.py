"""What Seatgate is measured beside: an ASGI application that only says hello, and Strawberry as its tutorial has it.

The naive one is stock Strawberry over SQLAlchemy's ORM: the same questions, the same answers, no credential, no limits.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import strawberry
from sqlalchemy import ForeignKey, event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL

from benchmarks.questions import CANDIDATES, FEATURES, ORGANIZATIONS, SEATS, Tenant, email

PLAN_FEATURES = {"team": ("api", "reports", "sso", "webhooks")}


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer with a constant."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        """Read on."""
    body = b'{"data":{"hello":"hello"}}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Base(DeclarativeBase):
    """The naive peer's tables."""


class Organization(Base):
    """An organization that pays for itself."""

    __tablename__ = "organizations"
    id: Mapped[str] = mapped_column(primary_key=True)
    subscriptions: Mapped[list["Subscription"]] = relationship()


class Subscription(Base):
    """A plan and how many seats of it."""

    __tablename__ = "subscriptions"
    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    plan: Mapped[str]
    status: Mapped[str]
    quantity: Mapped[int]


class Person(Base):
    """Somebody who can be added."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)


class Member(Base):
    """Somebody's place in an organization."""

    __tablename__ = "members"
    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))


class Event(Base):
    """An audit row."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str]
    organization_id: Mapped[str]
    person_id: Mapped[int]


def tenants() -> list[Tenant]:
    """List the naive peer's organizations."""
    ids = [f"org_{number}" for number in range(ORGANIZATIONS)]
    return [Tenant(organization_id=id, customer_id=id) for id in ids]


async def fill(path: Path) -> None:
    """Make the naive peer's database."""
    engine = _engine(path)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with async_sessionmaker(engine)() as session:
        session.add_all(Organization(id=tenant.organization_id) for tenant in tenants())
        await session.flush()
        session.add_all(
            Subscription(organization_id=tenant.organization_id, plan="team", status="active", quantity=SEATS)
            for tenant in tenants()
        )
        session.add_all(Person(email=email(number)) for number in range(CANDIDATES))
        await session.commit()
    await engine.dispose()


def naive(path: Path) -> ASGIApp:
    """Make the naive peer."""
    sessions = async_sessionmaker(_engine(path), expire_on_commit=False)
    # One process, one lock: the least that keeps two adders from counting the same free seat.
    adding = asyncio.Lock()

    @strawberry.type
    class Quantity:
        key: str
        value: int

    @strawberry.type
    class Decision:
        feature: str
        granted: bool
        reason: str

    @strawberry.type
    class EntitlementSet:
        plans: list[str]
        features: list[str]
        quantities: list[Quantity]
        decisions: list[Decision]

    @strawberry.type
    class Membership:
        id: strawberry.ID

    @strawberry.type
    class Refusal:
        message: str

    @strawberry.type
    class AddMemberPayload:
        membership: Membership | None
        errors: list[Refusal]

    @strawberry.input
    class AddMemberInput:
        organization_id: strawberry.ID
        email: str

    @asynccontextmanager
    async def session_with(id: str) -> AsyncIterator[tuple[AsyncSession, Organization]]:
        async with sessions() as session:
            query = select(Organization).where(Organization.id == id).options(selectinload(Organization.subscriptions))
            yield session, (await session.execute(query)).scalar_one()

    @strawberry.type
    class Query:
        @strawberry.field
        async def entitlements(self, customer_id: strawberry.ID) -> EntitlementSet:
            async with session_with(customer_id) as (_, organization):
                live = [one for one in organization.subscriptions if one.status == "active"]
            features = sorted({feature for one in live for feature in PLAN_FEATURES[one.plan]})
            return EntitlementSet(
                plans=sorted({one.plan for one in live}),
                features=features,
                quantities=[Quantity(key="projects", value=20), Quantity(key="seats", value=live[0].quantity)],
                decisions=[
                    Decision(feature=name, granted=name in features, reason="ENTITLED" if name in features else "NO")
                    for name in FEATURES
                ],
            )

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        async def add_member(self, input: AddMemberInput) -> AddMemberPayload:
            async with adding, session_with(input.organization_id) as (session, organization):
                person = (await session.execute(select(Person).where(Person.email == input.email))).scalar_one()
                count = select(func.count()).where(Member.organization_id == organization.id)
                if (await session.execute(count)).scalar_one() >= organization.subscriptions[0].quantity:
                    return AddMemberPayload(membership=None, errors=[Refusal(message="full")])
                member = Member(organization_id=organization.id, person_id=person.id)
                session.add(member)
                session.add(Event(action="added", organization_id=organization.id, person_id=person.id))
                await session.commit()
            return AddMemberPayload(membership=Membership(id=strawberry.ID(str(member.id))), errors=[])

    return GraphQL(strawberry.Schema(query=Query, mutation=Mutation))


def _engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    @event.listens_for(engine.sync_engine, "connect")
    def _(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection, which has no type
        cursor.execute("PRAGMA journal_mode = wal")
        cursor.execute("PRAGMA synchronous = full")
        cursor.close()

    return engine

"""A house with users, organizations and paid seats, joined the way wiring joins them, on a database of the test's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import select, text

from domain.billing import Owner, OwnerKind, ProcessorName, Status, facts, find_customer
from domain.billing.states import Item, SubscriptionState
from domain.billing.subscriptions import BillingSubscription
from domain.clock import Clock
from domain.db import Database, Session
from domain.entitlements import Entitlements, InForce, SeatUsage
from domain.entitlements.catalog import parse
from domain.hooks import lifecycle_hooks
from domain.identity import Arrival, User, Users
from domain.ids import SubscriptionId
from domain.organizations import (
    Invitation,
    Invitations,
    Invited,
    Members,
    Membership,
    Organization,
    OrganizationCallbacks,
    Organizations,
    Ownership,
    Purging,
    Standing,
    Tidying,
    UserRef,
)
from domain.scope import Actor, ActorKind, Role, Scope
from domain.wiring.seams import SeatCallbacks, customer_of_user

Row = TypeVar("Row")
DAYS = 7
SECRET_KEYS = ("a secret of the tests that signs invitations", "an older secret of the tests that still verifies")
CATALOG = """
past_due_grace = 14
[plans.team]
limits = { seats = { per = "quantity" } }
price_ids = ["price_team"]
[plans.five]
limits = { seats = { per = "quantity", max = 5 } }
price_ids = ["price_five"]
[plans.ten]
limits = { seats = { per = "quantity", max = 10 } }
price_ids = ["price_ten"]
[plans.endless]
limits = { seats = "unlimited" }
price_ids = ["price_endless"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Users, organizations and entitlements on one database. Without a subscription there is no seat to add into."""

    database: Database
    clock: Clock
    users: Users
    organizations: Organizations
    members: Members
    ownership: Ownership
    standing: Standing
    purging: Purging
    invitations: Invitations
    tidying: Tidying
    entitlements: Entitlements

    async def user(self, subject: str, *, email: str | None = None) -> User:
        arrival = Arrival(issuer="https://issuer", subject=subject, email=email, name=subject, issued_at=None)
        return await self.users.arrive(arrival)

    async def organization(self, owner: User, name: str = "Acme") -> Organization:
        return await self.database.run(
            lambda session: self.organizations.create(session, scope=scope_of(owner), name=name)
        )

    async def add(
        self, organization: Organization | str, who: UserRef | User, *, by: User | Scope, role: Role = Role.MEMBER
    ) -> Membership:
        ref = UserRef(id=who.id) if isinstance(who, User) else who
        return await self.database.run(
            lambda session: self.members.add(
                session, scope=acting(by), organization_id=id_of(organization), who=ref, role=role
            )
        )

    async def join(self, organization: Organization, subject: str, *, role: Role = Role.MEMBER) -> User:
        """Make a user and let an administrator add it."""
        user = await self.user(subject)
        await self.add(organization, user, by=ADMINISTRATOR, role=role)
        return user

    async def remove(self, membership_id: str, *, by: User | Scope) -> Membership:
        return await self.database.run(
            lambda session: self.members.remove(session, scope=acting(by), membership_id=membership_id)
        )

    async def invite(
        self, organization: Organization | str, email: str, *, by: User | Scope, role: Role = Role.MEMBER
    ) -> Invited:
        id = organization if isinstance(organization, str) else organization.id
        return await self.database.run(
            lambda session: self.invitations.invite(
                session, scope=acting(by), organization_id=id, email=email, role=role
            )
        )

    async def accept(self, token: str, *, by: User | Scope) -> Membership:
        return await self.database.run(lambda session: self.invitations.accept(session, scope=acting(by), token=token))

    async def revoke(self, invitation: Invitation | str, *, by: User | Scope) -> Invitation:
        id = invitation if isinstance(invitation, str) else invitation.id
        return await self.database.run(
            lambda session: self.invitations.revoke(session, scope=acting(by), invitation_id=id)
        )

    async def row(self, kind: type[Row], id: str) -> Row:
        async with self.database.snapshot() as session:
            return await session.get_one(kind, id)

    async def rows(self, kind: type[Row]) -> list[Row]:
        """Read every row of a table, the oldest first where its ids tell."""
        async with self.database.snapshot() as session:
            return sorted((await session.scalars(select(kind))).all(), key=lambda row: getattr(row, "id", ""))

    async def mark_deleting(self, user: User) -> None:
        async with self.database.transaction() as session:
            (await session.get_one(User, user.id)).deleting_at = self.clock.now()

    def without_billing(self) -> "House":
        """The same house with nobody looking on, seats unlimited."""
        free: dict[str, Any] = {"callbacks": ()}
        return replace(
            self,
            organizations=replace(self.organizations, **free),
            members=replace(self.members, **free),
            invitations=replace(self.invitations, **free),
        )

    async def membership_id(self, organization: Organization, user: User) -> str:
        query = text("SELECT id FROM memberships WHERE organization_id = :o AND user_id = :u")
        async with self.database.snapshot() as session:
            return str((await session.execute(query, {"o": organization.id, "u": user.id})).scalar_one())

    async def pay(self, organization: Organization, *, seats: int, price: str = "price_team", nth: int = 1) -> None:
        """Let the mirror show that the organization has bought this many seats; again changes how many."""
        await self.pay_by_id(organization.id, seats=seats, price=price, nth=nth)

    async def pay_by_id(self, id: str, *, seats: int, price: str = "price_team", nth: int = 1) -> None:
        await self.database.run(partial(_mirror, clock=self.clock, id=id, price=price, seats=seats, nth=nth))

    async def usage(self, organization: Organization) -> SeatUsage:
        async with self.database.snapshot() as session:
            return (await self.entitlements.seat_usages(session, [organization.id]))[organization.id]

    async def holders(self, organization: Organization) -> tuple[int, int, int]:
        """Count the pool, the rows of holders, and the members."""
        query = text(
            "SELECT used, (SELECT count(*) FROM seat_holders h WHERE h.organization_id = p.organization_id),"
            " (SELECT count(*) FROM memberships m WHERE m.organization_id = p.organization_id)"
            " FROM seat_pools p WHERE organization_id = :o"
        )
        async with self.database.snapshot() as session:
            used, rows, members = (await session.execute(query, {"o": organization.id})).one()
            return used, rows, members


def house(
    database: Database,
    clock: Clock,
    *callbacks: OrganizationCallbacks,
    hooks: Sequence[Mapping[str, object]] = (),
    seconds: float = 30,
    catalog: str = CATALOG,
) -> House:
    """Join the rooms; the host's callbacks and hooks run before billing's."""
    entitlements = Entitlements(database=database, clock=clock, in_force=InForce(parse({"catalog.toml": catalog})))
    seats = SeatCallbacks(entitlements=entitlements, clock=clock, invitation_days=DAYS)
    joined = lifecycle_hooks(*hooks, {"on_register": customer_of_user})
    seams = (*callbacks, seats)
    return House(
        database=database,
        clock=clock,
        users=Users(database=database, clock=clock, hooks=joined),
        organizations=Organizations(clock=clock, callbacks=seams, callback_seconds=seconds),
        members=Members(clock=clock, callbacks=seams, callback_seconds=seconds),
        ownership=Ownership(clock=clock, callbacks=seams, callback_seconds=seconds),
        standing=Standing(clock=clock, callbacks=seams, callback_seconds=seconds, restore_days=14),
        purging=Purging(database=database, clock=clock, callbacks=seams, callback_seconds=seconds),
        invitations=Invitations(
            clock=clock, callbacks=seams, callback_seconds=seconds, secret_keys=SECRET_KEYS, days=DAYS
        ),
        tidying=Tidying(database=database, clock=clock, callbacks=seams, callback_seconds=seconds),
        entitlements=entitlements,
    )


def scope_of(user: User, *, request_id: str | None = None) -> Scope:
    return Scope(actor=Actor(kind=ActorKind.USER, id=user.id), request_id=request_id)


def acting(by: User | Scope) -> Scope:
    return by if isinstance(by, Scope) else scope_of(by)


def id_of(organization: Organization | str) -> str:
    return organization if isinstance(organization, str) else organization.id


ADMINISTRATOR = Scope(actor=Actor(kind=ActorKind.SYSTEM, id="test"), administrator=True)


async def _mirror(session: Session, *, clock: Clock, id: str, price: str, seats: int, nth: int) -> None:
    customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=id))
    assert customer is not None
    state = SubscriptionState(
        status=Status.ACTIVE, items=(Item(processor_id=f"si_{nth}", price_id=price, quantity=seats),)
    )
    row = await session.get(BillingSubscription, f"bsb_{id}_{nth}")
    if row is not None:
        row.state = facts.encode(state)
        return
    now = clock.now()
    session.add(
        BillingSubscription(
            id=SubscriptionId(f"bsb_{id}_{nth}"),
            customer_id=customer.id,
            processor=ProcessorName.FAKE,
            livemode=False,
            processor_id=f"sub_{id}_{nth}",
            status=state.status,
            state=facts.encode(state),
            last_fact_at=now,
            fetch_owed=False,
            fetch_attempts=0,
            version=1,
            created_at=now,
        )
    )

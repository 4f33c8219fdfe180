"""The one read behind every answer: a customer's subscription rows that can grant anything and its overrides, at once.

The statements are made once and given their values when they run: putting one together anew costs more than running it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import ScalarSelect, Select, and_, bindparam, select

from domain.billing import (
    BillingSubscription,
    Customer,
    CustomerReading,
    OwnerKind,
    OwnOrganizations,
    UserParameter,
    facts,
    lifecycle,
    owned_by,
)
from domain.db import Database, Key, Lookup, Session
from domain.entitlements.overrides import Override
from domain.entitlements.resolver import Given, Granted, Held
from domain.organizations import Membership
from domain.scope import Role

_HELD = (
    BillingSubscription.id,
    BillingSubscription.processor,
    BillingSubscription.state,
    BillingSubscription.past_due_since,
    BillingSubscription.last_fact_at,
)
GRANTED = (Override.id, Override.feature, Override.limit_key, Override.value, Override.expires_at)
"""The columns that `granted_by` reads."""

_WIDTH = len(_HELD)

_COUNTS = and_(
    BillingSubscription.customer_id == Customer.id,
    BillingSubscription.status.in_(lifecycle.CANDIDATE_STATUSES),
)
_LIVES = and_(Override.customer_id == Customer.id, Override.revoked_at.is_(None))

# A customer whose owner goes is to these reads as if it were not there: no plan, and no default either.
_STAYING = Customer.closing_at.is_(None)
_OF_ANYONE = (
    select(Customer.owner_id, *_HELD, *GRANTED)
    .outerjoin(BillingSubscription, _COUNTS)
    .outerjoin(Override, _LIVES)
    .where(_STAYING)
)
_OF_OWNERS = _OF_ANYONE.where(
    Customer.owner_kind == bindparam("kind"), Customer.owner_id.in_(bindparam("owners", expanding=True))
)
_OF_OWNER = Lookup(_OF_ANYONE.where(Customer.owner_kind == bindparam("kind"), Customer.owner_id == bindparam("owner")))
_OF_CUSTOMER = Lookup(_OF_ANYONE.where(Customer.id == bindparam("customer")))
_CUSTOMER = tuple(Customer.__table__.columns)


@dataclass(frozen=True, slots=True)
class Found:
    """One customer's rows as they were read, by their ids: each stands in as many lines as there are of the others."""

    held: dict[str, Sequence[Any]] = field(default_factory=dict)
    granted: dict[str, Sequence[Any]] = field(default_factory=dict)

    def take(self, columns: Sequence[Any]) -> None:
        """Add what one line of the answer shows."""
        if columns[0] is not None:
            self.held[columns[0]] = columns
        if columns[_WIDTH] is not None:
            self.granted[columns[_WIDTH]] = columns[_WIDTH:]

    @property
    def given(self) -> Given:
        """Make sense of it.

        Raises:
            pydantic.ValidationError: a subscription's state is none that we have written.
        """
        return Given(
            held=tuple([_held(columns) for columns in self.held.values()]),
            granted=tuple([granted_by(columns) for columns in self.granted.values()]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """A customer, the caller's role in the organization that owns it, and what may grant something."""

    customer: Customer
    role: Role | None
    found: Found = field(default_factory=Found)


async def visible_holdings(
    database: Database, reading: CustomerReading, customer_ids: Sequence[str]
) -> dict[str, Holdings]:
    """Read what customers hold and who asks, in one statement; what is not the caller's is left out."""
    kind = (reading.own_organizations, reading.scope.administrator)
    caller = reading.scope.user_id
    if len(customer_ids) == 1:
        return _gathered(await database.look_up(_visible_one(*kind), caller=caller, customer=customer_ids[0]))
    async with database.snapshot() as session:
        values = {"caller": caller, "customers": list(customer_ids)}
        return _gathered((await session.execute(_visible_many(*kind), values)).all())


async def found_by_owner(database: Database, kind: OwnerKind, owner_id: str) -> Found | None:
    """Read what an owner's customer holds; no caller is asked for. None: there is none that stays."""
    return _by_owner(await database.look_up(_OF_OWNER, kind=kind.value, owner=owner_id)).get(owner_id)


async def found_by_customer(database: Database, customer_id: str) -> Found | None:
    """Read the same of one customer."""
    return next(iter(_by_owner(await database.look_up(_OF_CUSTOMER, customer=customer_id)).values()), None)


async def found_by_owners(session: Session, kind: OwnerKind, owner_ids: Sequence[str]) -> Mapping[str, Found]:
    """Read what the customers of these owners hold, by owner, inside the caller's transaction.

    A customer without rows is there and empty; who is no customer is missing.
    """
    return _by_owner((await session.execute(_OF_OWNERS, {"kind": kind, "owners": list(owner_ids)})).all())


def role_of(caller: UserParameter) -> ScalarSelect[Role]:
    """Select the caller's role in the organization that owns the customer of the statement around."""
    member = and_(Membership.organization_id == Customer.owner_id, Membership.user_id == caller)
    return select(Membership.role).where(member).correlate(Customer).scalar_subquery()


async def granted_to(session: Session, customer_ids: Sequence[str]) -> dict[str, tuple[Granted, ...]]:
    """Read the overrides that have not been revoked, by customer, inside the caller's transaction."""
    query = select(Override.customer_id, *GRANTED).where(
        Override.customer_id.in_(customer_ids), Override.revoked_at.is_(None)
    )
    gathered: dict[str, list[Granted]] = {}
    for customer_id, *columns in (await session.execute(query)).all():
        gathered.setdefault(customer_id, []).append(granted_by(columns))
    return {customer_id: tuple(granted) for customer_id, granted in gathered.items()}


def _held(columns: Sequence[Any]) -> Held:
    return Held(
        subscription_id=columns[0],
        processor=columns[1],
        state=facts.decode(columns[2]),
        past_due_since=columns[3],
        last_fact_at=columns[4],
    )


def granted_by(columns: Sequence[Any]) -> Granted:
    """Make sense of an override that was read."""
    return Granted(
        override_id=columns[0],
        feature=columns[1],
        limit=columns[2],
        value=columns[3] or 0,
        expires_at=columns[4],
    )


def _by_owner(rows: Sequence[Sequence[Any]]) -> dict[str, Found]:
    gathered: dict[str, Found] = {}
    for row in rows:
        gathered.setdefault(row[0], Found()).take(row[1:])
    return gathered


def _gathered(found: Sequence[Sequence[Any]]) -> dict[str, Holdings]:
    gathered: dict[str, Holdings] = {}
    for row in found:
        columns, role, rest = row[: len(_CUSTOMER)], row[len(_CUSTOMER)], row[len(_CUSTOMER) + 1 :]
        holdings = gathered.get(columns[0])
        if holdings is None:
            customer = Customer(**{column.key: value for column, value in zip(_CUSTOMER, columns, strict=True)})
            holdings = gathered[customer.id] = Holdings(customer=customer, role=Role(role) if role else None)
        holdings.found.take(rest)
    return gathered


@lru_cache(maxsize=8)
def _visible_one(own_organizations: OwnOrganizations, everyone: bool) -> Lookup:  # noqa: FBT001 - a key of the cache
    return Lookup(_visible(own_organizations, everyone).where(Customer.id == bindparam("customer")))


@lru_cache(maxsize=8)
def _visible_many(own_organizations: OwnOrganizations, everyone: bool) -> Select[Any]:  # noqa: FBT001 - the same
    return _visible(own_organizations, everyone).where(Customer.id.in_(bindparam("customers", expanding=True)))


def _visible(own_organizations: OwnOrganizations, everyone: bool) -> Select[Any]:  # noqa: FBT001 - the same
    caller = bindparam("caller", type_=Key)
    query = select(*_CUSTOMER, role_of(caller), *_HELD, *GRANTED).outerjoin(BillingSubscription, _COUNTS)
    query = query.outerjoin(Override, _LIVES)
    return query if everyone else query.where(owned_by(caller, own_organizations))

"""The one read behind every answer: the subscription rows of a customer that can grant anything, in one statement.

The statements are made once and given their values when they run: putting one together anew costs more than running it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from domain.billing import (
    BillingSubscription,
    Customer,
    CustomerReading,
    OwnerKind,
    OwnOrganizations,
    facts,
    lifecycle,
    owned_by,
)
from domain.db import Database, Key, Lookup, Session
from domain.entitlements.resolver import Held
from domain.organizations import Membership
from domain.scope import Role

_HELD = (
    BillingSubscription.id,
    BillingSubscription.processor,
    BillingSubscription.state,
    BillingSubscription.past_due_since,
    BillingSubscription.last_fact_at,
)
HeldRow = Sequence[Any]
"""One subscription's columns as they were read; `held` makes sense of them."""

_COUNTS = and_(
    BillingSubscription.customer_id == Customer.id,
    BillingSubscription.status.in_(lifecycle.CANDIDATE_STATUSES),
)

# A customer whose owner goes is to these reads as if it were not there: no plan, and no default either.
_STAYING = Customer.closing_at.is_(None)
_OF_ANYONE = select(Customer.owner_id, *_HELD).outerjoin(BillingSubscription, _COUNTS).where(_STAYING)
_OF_OWNERS = _OF_ANYONE.where(
    Customer.owner_kind == bindparam("kind"), Customer.owner_id.in_(bindparam("owners", expanding=True))
)
_OF_OWNER = Lookup(_OF_ANYONE.where(Customer.owner_kind == bindparam("kind"), Customer.owner_id == bindparam("owner")))
_OF_CUSTOMER = Lookup(_OF_ANYONE.where(Customer.id == bindparam("customer")))
_CUSTOMER = tuple(Customer.__table__.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """A customer, the caller's role in the organization that owns it, and the rows that may grant something."""

    customer: Customer
    role: Role | None
    rows: list[HeldRow] = field(default_factory=list)


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


async def held_by_owner(database: Database, kind: OwnerKind, owner_id: str) -> list[HeldRow] | None:
    """Read the rows of an owner's customer; no caller is asked for. None: there is none that stays."""
    return _rows(await database.look_up(_OF_OWNER, kind=kind.value, owner=owner_id)).get(owner_id)


async def held_by_customer(database: Database, customer_id: str) -> list[HeldRow] | None:
    """Read the same of one customer."""
    return next(iter(_rows(await database.look_up(_OF_CUSTOMER, customer=customer_id)).values()), None)


async def held_by_owners(session: Session, kind: OwnerKind, owner_ids: Sequence[str]) -> Mapping[str, list[HeldRow]]:
    """Read the rows of the customers of these owners, by owner, inside the caller's transaction.

    A customer without rows has an empty list; who is no customer is missing.
    """
    return _rows((await session.execute(_OF_OWNERS, {"kind": kind, "owners": list(owner_ids)})).all())


def held(columns: HeldRow) -> Held:
    """Read one row.

    Raises:
        pydantic.ValidationError: its state is none that we have written.
    """
    return Held(
        subscription_id=columns[0],
        processor=columns[1],
        state=facts.decode(columns[2]),
        past_due_since=columns[3],
        last_fact_at=columns[4],
    )


def _rows(found: Sequence[Sequence[Any]]) -> dict[str, list[HeldRow]]:
    gathered: dict[str, list[HeldRow]] = {}
    for row in found:
        rows = gathered.setdefault(row[0], [])
        if row[1] is not None:
            rows.append(row[1:])
    return gathered


def _gathered(found: Sequence[Sequence[Any]]) -> dict[str, Holdings]:
    gathered: dict[str, Holdings] = {}
    for row in found:
        columns, role, rest = row[: len(_CUSTOMER)], row[len(_CUSTOMER)], row[len(_CUSTOMER) + 1 :]
        holdings = gathered.get(columns[0])
        if holdings is None:
            customer = Customer(**{column.key: value for column, value in zip(_CUSTOMER, columns, strict=True)})
            holdings = gathered[customer.id] = Holdings(customer=customer, role=Role(role) if role else None)
        if rest[0] is not None:
            holdings.rows.append(rest)
    return gathered


@lru_cache(maxsize=8)
def _visible_one(own_organizations: OwnOrganizations, everyone: bool) -> Lookup:  # noqa: FBT001 - a key of the cache
    return Lookup(_visible(own_organizations, everyone).where(Customer.id == bindparam("customer")))


@lru_cache(maxsize=8)
def _visible_many(own_organizations: OwnOrganizations, everyone: bool) -> Select[Any]:  # noqa: FBT001 - the same
    return _visible(own_organizations, everyone).where(Customer.id.in_(bindparam("customers", expanding=True)))


def _visible(own_organizations: OwnOrganizations, everyone: bool) -> Select[Any]:  # noqa: FBT001 - the same
    caller = bindparam("caller", type_=Key)
    member = and_(Membership.organization_id == Customer.owner_id, Membership.user_id == caller)
    role = select(Membership.role).where(member).correlate(Customer).scalar_subquery()
    query = select(*_CUSTOMER, role, *_HELD).outerjoin(BillingSubscription, _COUNTS)
    return query if everyone else query.where(owned_by(caller, own_organizations))

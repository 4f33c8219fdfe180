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
from domain.db import Key, Session
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

_OF_ANYONE = select(Customer.owner_id, *_HELD).outerjoin(BillingSubscription, _COUNTS)
_OF_OWNERS = _OF_ANYONE.where(
    Customer.owner_kind == bindparam("kind"), Customer.owner_id.in_(bindparam("owners", expanding=True))
)
_OF_CUSTOMER = _OF_ANYONE.where(Customer.id == bindparam("customer"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """A customer, the caller's role in the organization that owns it, and the rows that may grant something."""

    customer: Customer
    role: Role | None
    rows: list[HeldRow] = field(default_factory=list)


async def visible_holdings(
    session: Session, reading: CustomerReading, customer_ids: Sequence[str]
) -> dict[str, Holdings]:
    """Read what customers hold and who asks, in one statement; what is not the caller's is left out."""
    query = _visible(reading.own_organizations, everyone=reading.scope.administrator)
    values = {"caller": reading.scope.user_id, "customers": list(customer_ids)}
    found: dict[str, Holdings] = {}
    for row in (await session.execute(query, values)).all():
        holdings = found.setdefault(row[0].id, Holdings(customer=row[0], role=Role(row[1]) if row[1] else None))
        if row[2] is not None:
            holdings.rows.append(row[2:])
    return found


async def held_by_owners(session: Session, kind: OwnerKind, owner_ids: Sequence[str]) -> Mapping[str, list[HeldRow]]:
    """Read the rows of the customers of these owners, by owner; no caller is asked for.

    A customer without rows has an empty list; who is no customer is missing.
    """
    return await _held_by(session, _OF_OWNERS, kind=kind, owners=list(owner_ids))


async def held_by_customer(session: Session, customer_id: str) -> Mapping[str, list[HeldRow]]:
    """Read the same of one customer, by its owner."""
    return await _held_by(session, _OF_CUSTOMER, customer=customer_id)


async def _held_by(session: Session, query: Select[Any], **values: object) -> Mapping[str, list[HeldRow]]:
    found: dict[str, list[HeldRow]] = {}
    for row in (await session.execute(query, values)).all():
        rows = found.setdefault(row[0], [])
        if row[1] is not None:
            rows.append(row[1:])
    return found


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


@lru_cache(maxsize=8)
def _visible(own_organizations: OwnOrganizations, *, everyone: bool) -> Select[Any]:
    caller = bindparam("caller", type_=Key)
    member = and_(Membership.organization_id == Customer.owner_id, Membership.user_id == caller)
    role = select(Membership.role).where(member).correlate(Customer).scalar_subquery()
    query = select(Customer, role, *_HELD).outerjoin(BillingSubscription, _COUNTS)
    query = query.where(Customer.id.in_(bindparam("customers", expanding=True)))
    return query if everyone else query.where(owned_by(caller, own_organizations))

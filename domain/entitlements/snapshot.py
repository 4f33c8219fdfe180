"""The one read behind every answer: the subscription rows of a customer that can grant anything, in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from domain.billing import BillingSubscription, Customer, CustomerReading, facts, lifecycle
from domain.db import Session
from domain.entitlements.resolver import Held
from domain.organizations import Membership
from domain.scope import Role, Scope

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
    role = _role_of(reading.scope)
    query = reading.visible().where(Customer.id.in_(customer_ids)).add_columns(role, *_HELD)
    found: dict[str, Holdings] = {}
    for row in (await session.execute(query.outerjoin(BillingSubscription, _COUNTS))).all():
        holdings = found.setdefault(row[0].id, Holdings(customer=row[0], role=Role(row[1]) if row[1] else None))
        if row[2] is not None:
            holdings.rows.append(row[2:])
    return found


async def held_by(session: Session, owned: ColumnElement[bool]) -> Mapping[str, list[HeldRow]]:
    """Read the rows of the customers that a condition on `Customer` picks, by owner; no caller is asked for.

    A customer without rows has an empty list; who is no customer is missing.
    """
    query = select(Customer.owner_id, *_HELD).outerjoin(BillingSubscription, _COUNTS).where(owned)
    found: dict[str, list[HeldRow]] = {}
    for row in (await session.execute(query)).all():
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


def _role_of(scope: Scope) -> ColumnElement[Any]:
    member = and_(Membership.organization_id == Customer.owner_id, Membership.user_id == scope.user_id)
    return select(Membership.role).where(member).correlate(Customer).scalar_subquery()

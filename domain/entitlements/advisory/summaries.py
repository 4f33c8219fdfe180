"""The newest summary of each customer: one row, which a newer summary replaces whole; nothing is merged.

No answer of a gate is made here, and no gate comes here.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from domain import audit
from domain.billing import EntitlementsTold
from domain.billing.customers import Customer, locked_customer
from domain.db import Base, JsonDocument, Key, Session, UtcDateTime, closed
from domain.entitlements.advisory.places import Place, SummarySource
from domain.ids import CustomerId
from domain.scope import Scope
from domain.telemetry import Attribute, Signal

log = logging.getLogger(__name__)

_PARTIAL: Any = {"sqlite_where": text("complete = 0"), "postgresql_where": text("NOT complete")}


class EntitlementSummary(Base):
    """The newest summary of one customer; `complete` is false when Stripe holds more than it showed.

    `occurred_at` is Stripe's time of the event, or ours just before the question; `event_id` is empty for a pull.
    `observed_at` is when it was written, by our clock.
    """

    __tablename__ = "entitlement_summaries"

    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"), primary_key=True)
    livemode: Mapped[bool]
    features: Mapped[list[Any]] = mapped_column(JsonDocument)
    complete: Mapped[bool]
    source: Mapped[SummarySource] = mapped_column(closed(SummarySource, name="source"))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_id: Mapped[str] = mapped_column(Key)
    observed_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_entitlement_summaries_partial", "observed_at", **_PARTIAL),)

    @property
    def lookup_keys(self) -> list[str]:
        """The stable names of what Stripe grants, sorted."""
        return sorted(lookup_key for _, lookup_key in self.features)

    @property
    def place(self) -> Place:
        """Where it stands among all summaries of its customer."""
        return Place.of(self.source, self.occurred_at, self.event_id)


class Kept(StrEnum):
    """What became of a summary: it was older than what is known, says the same, or says something new."""

    STALE = "stale"
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A summary that has been learned. `at` and `event_id` give it its place."""

    news: EntitlementsTold
    source: SummarySource
    livemode: bool
    at: datetime
    event_id: str = ""


async def summary_for_customer(session: Session, customer_id: str) -> EntitlementSummary | None:
    """Find what Stripe said of a customer last; None: nothing has been observed."""
    return (await summaries_of(session, [customer_id])).get(customer_id)


async def summaries_of(session: Session, customer_ids: Sequence[str]) -> dict[str, EntitlementSummary]:
    """Find what Stripe said last of each of these customers; who may read that is the caller's business."""
    query = select(EntitlementSummary).where(EntitlementSummary.customer_id.in_(customer_ids))
    return {row.customer_id: row for row in (await session.execute(query)).scalars()}


async def count_partial(session: Session) -> int:
    """Count the customers of whose entitlements only some are known, by index."""
    query = select(func.count()).select_from(EntitlementSummary).where(~EntitlementSummary.complete)
    return (await session.execute(query)).scalar_one()


async def keep(session: Session, customer_id: CustomerId, summary: Summary, *, scope: Scope, now: datetime) -> Kept:
    """Keep a summary unless a newer one is here; a change of what it says leaves an audit row."""
    customer = await locked_customer(session, customer_id)
    assert customer is not None, "who has an account is a customer"
    known = await session.get(EntitlementSummary, customer.id, populate_existing=True)
    if known is not None and Place.of(summary.source, summary.at, summary.event_id) <= known.place:
        log.info("a summary of customer %s is older than what is known", customer.id)
        return Kept.STALE
    before = None if known is None else _said(known)
    row = _written(known or EntitlementSummary(customer_id=customer.id), summary, now)
    session.add(row)
    await session.flush()
    changed = _said(row) != before
    if changed:
        await _remember(session, customer, row, before, scope)
    if not row.complete:
        session.signal(Signal.TRUNCATED_SUMMARY, {Attribute.CUSTOMER_ID: customer.id})
    return Kept.CHANGED if changed else Kept.UNCHANGED


def _written(row: EntitlementSummary, summary: Summary, now: datetime) -> EntitlementSummary:
    row.livemode, row.complete, row.source = summary.livemode, summary.news.complete, summary.source
    row.features = sorted([feature, lookup_key] for feature, lookup_key in summary.news.features)
    row.occurred_at, row.event_id, row.observed_at = summary.at, summary.event_id, now
    return row


def _said(row: EntitlementSummary) -> dict[str, Any]:
    """Give what a summary says; ids of entitlements and their order are no part of it."""
    return {"features": row.features, "complete": row.complete}


async def _remember(
    session: Session, customer: Customer, row: EntitlementSummary, before: dict[str, Any] | None, scope: Scope
) -> None:
    await audit.record(
        session,
        "entitlements.summary.synced",
        scope=scope,
        at=row.observed_at,
        subject_id=customer.id,
        organization_id=customer.organization_id,
        before=before,
        after=_said(row) | {"source": row.source, "event_id": row.event_id or None},
    )

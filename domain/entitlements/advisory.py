"""What Stripe itself says a customer is entitled to: observed, kept beside the mirror, and read by no gate.

The newest summary counts, by Stripe's time and then by event id, bytewise, whatever order they arrive in. A summary
replaces the one before; nothing is merged.
"""

import logging
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from domain import audit
from domain.billing import EntitlementsTold
from domain.billing.customers import Customer, locked_customer
from domain.billing.webhooks import Received
from domain.db import Base, JsonDocument, Key, Session, UtcDateTime, closed
from domain.ids import CustomerId
from domain.scope import system
from domain.telemetry import Attribute, Signal

log = logging.getLogger(__name__)


class SummarySource(StrEnum):
    """How a summary was learned."""

    PULL = "pull"
    WEBHOOK = "webhook"


class EntitlementSummary(Base):
    """The newest summary of one customer; `complete` is false when Stripe holds more than it showed.

    `occurred_at` and `event_id` say which summary it is, `observed_at` is our clock.
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

    @property
    def lookup_keys(self) -> list[str]:
        """The stable names of what Stripe grants, sorted."""
        return sorted(lookup_key for _, lookup_key in self.features)


async def summary_of(session: Session, customer_id: str) -> EntitlementSummary | None:
    """Find what Stripe said of a customer last."""
    return await session.get(EntitlementSummary, customer_id)


async def observe(received: Received, news: EntitlementsTold) -> None:
    """Keep a summary, unless a newer one is here; a change of what it says leaves an audit row.

    Raises:
        Waiting: nobody has been linked to this account yet.
    """
    account = await received.account(news.customer_processor_id)
    session, event = received.session, received.event
    customer = await locked_customer(session, account.customer_id)
    assert customer is not None, "who has an account is a customer"
    known = await session.get(EntitlementSummary, customer.id, populate_existing=True)
    if known is not None and _order(event.occurred_at, event.event_id) <= _order(known.occurred_at, known.event_id):
        log.info("summary %s of customer %s is older than what is known", event.event_id, customer.id)
        return
    before = None if known is None else _said(known)
    row = known or EntitlementSummary(customer_id=customer.id)
    row.livemode, row.complete, row.source = event.livemode, news.complete, SummarySource.WEBHOOK
    row.features = sorted([feature, lookup_key] for feature, lookup_key in news.features)
    row.occurred_at, row.event_id, row.observed_at = event.occurred_at, event.event_id, received.now
    session.add(row)
    await session.flush()
    if _said(row) != before:
        await _remember(received, customer, before=before, after=_said(row))
    if not news.complete:
        session.signal(Signal.TRUNCATED_SUMMARY, {Attribute.CUSTOMER_ID: customer.id})


def _order(occurred_at: datetime, event_id: str) -> tuple[datetime, bytes]:
    return occurred_at, event_id.encode()


def _said(row: EntitlementSummary) -> dict[str, Any]:
    """Give what a summary says; ids of entitlements and their order are no part of it."""
    return {"features": row.features, "complete": row.complete}


async def _remember(
    received: Received, customer: Customer, *, before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    await audit.record(
        received.session,
        "entitlements.summary.synced",
        scope=system("webhook"),
        at=received.now,
        subject_id=customer.id,
        organization_id=customer.organization_id,
        before=before,
        after=after | {"event_id": received.event.event_id},
    )

"""The inbox as operators see it, and the facts that came of it."""

from datetime import datetime
from typing import Any, Optional

import strawberry
from strawberry import Info

from domain import billing
from domain.billing import EventFilter
from graphql_api import loaders
from graphql_api.connections import Connection
from graphql_api.context import Context
from graphql_api.customers import Customer
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope, FactSource, ProcessorName, WebhookEventStatus
from graphql_api.node import Node
from graphql_api.permissions import require_scope
from graphql_api.scalars import JSON


@described
class WebhookEvent(Node):
    """A signed event, kept as it came."""

    id: strawberry.ID
    row: strawberry.Private[billing.WebhookEvent]
    processor: ProcessorName
    livemode: bool
    event_id: str = strawberry.field(description="The processor's.")
    type: str
    status: WebhookEventStatus
    occurred_at: datetime
    received_at: datetime
    applied_at: datetime | None
    attempts: int
    next_attempt_at: datetime | None
    waiting_for: str | None = strawberry.field(description="The processor's customer id that is not linked yet.")
    last_error: str | None = strawberry.field(description="A code, never a traceback.")

    @classmethod
    def of(cls, row: billing.WebhookEvent | None) -> Optional["WebhookEvent"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: billing.WebhookEvent) -> "WebhookEvent":
        """Dress a row."""
        return cls(
            id=strawberry.ID(row.id),
            row=row,
            processor=row.processor,
            livemode=row.livemode,
            event_id=row.event_id,
            type=row.type,
            status=row.status,
            occurred_at=row.occurred_at,
            received_at=row.received_at,
            applied_at=row.applied_at,
            attempts=row.attempts,
            next_attempt_at=row.next_attempt_at,
            waiting_for=row.waiting_for,
            last_error=row.last_error,
        )

    @strawberry.field
    async def customer(self) -> Customer | None:
        """Whom it is about, as far as that is known."""
        id = self.row.customer_id
        return None if id is None else Customer.of(await loaders.current().customers.load(id))

    @strawberry.field(extensions=[require_scope(ApiScope.ADMIN)])  # type: ignore[untyped-decorator]  # strawberry types it only without arguments
    def payload(self, info: Info[Context, Any]) -> JSON | None:
        """The event in the processor's own words; null when its processor is not configured here."""
        processor = info.context.services.processors.get(self.row.processor)
        return None if processor is None else JSON(processor.stored(self.row.body).payload)


@described
class SubscriptionFact:
    """One thing the processor said, appended and never changed."""

    row: strawberry.Private[billing.SubscriptionFact]
    known_as: strawberry.Private[tuple[ProcessorName, bool]]
    source: FactSource
    type: str | None = strawberry.field(description="customer.subscription.updated, …; null for a fetch.")
    event_id: str | None = strawberry.field(description="The processor's; null for a fetch.")
    rank: int = strawberry.field(description="Its place among facts of one instant.")
    occurred_at: datetime = strawberry.field(
        description="The processor's clock; of a fetch ours, just before it was sent."
    )
    recorded_at: datetime
    state: JSON = strawberry.field(description="The subscription as the fact gives it.")

    @classmethod
    def dress(cls, row: billing.SubscriptionFact, subscription: billing.BillingSubscription) -> "SubscriptionFact":
        """Dress a fact of a subscription."""
        return cls(
            row=row,
            known_as=(subscription.processor, subscription.livemode),
            source=row.source,
            type=row.type,
            event_id=row.event_id if row.source is billing.FactSource.EVENT else None,
            rank=row.rank,
            occurred_at=row.occurred_at,
            recorded_at=row.recorded_at,
            state=JSON(row.state),
        )

    @strawberry.field
    async def webhook_event(self) -> WebhookEvent | None:
        """The event that told it; null for an answer, and when the event has been pruned."""
        if self.event_id is None:
            return None
        return WebhookEvent.of(await loaders.current().events_of_facts.load((*self.known_as, self.event_id)))


@described_input
class WebhookEventFilter:
    """Narrows webhookEvents; everything given must hold."""

    processor: ProcessorName | None = None
    statuses: list[WebhookEventStatus] | None = None
    types: list[str] | None = None
    customer_id: strawberry.ID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def narrowed(self) -> EventFilter:
        """Say it in the domain's words."""
        return EventFilter(
            processor=self.processor,
            statuses=None if self.statuses is None else tuple(self.statuses),
            types=None if self.types is None else tuple(self.types),
            customer_id=self.customer_id,
            since=self.since,
            until=self.until,
        )


async def list_webhook_events(
    info: Info[Context, Any],
    filter: WebhookEventFilter | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Connection[WebhookEvent] | None:
    """The inbox, newest first. Host keys with the scope, and administrators."""
    info.context.caller.require_administrator()
    cursors = info.context.cursors("webhook events")
    page = cursors.page(first, after, last, before)
    narrowed = filter.narrowed() if filter else EventFilter()
    found = await loaders.current().lists.page(billing.inbox_events(narrowed), page)
    return cursors.connection(found, node=WebhookEvent.dress, place=lambda row: (row.received_at, row.id))


async def fact_connection(
    info: Info[Context, Any],
    subscription: billing.BillingSubscription,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[SubscriptionFact]:
    """Read one page of a subscription's facts, in the order of the fold."""
    cursors = info.context.cursors(f"facts of {subscription.id}")
    page = cursors.page(first, after, last, before)
    found = billing.page_of_facts(await loaders.current().facts.load(subscription.id) or [], page)
    return cursors.connection(
        found, node=lambda row: SubscriptionFact.dress(row, subscription), place=billing.fact_place
    )

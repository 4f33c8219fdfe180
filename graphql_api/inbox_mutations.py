"""What operators do about the inbox: apply an event again, and link an account that was made elsewhere."""

from typing import Annotated, Self

import strawberry

from domain.idempotency import Answer
from graphql_api import loaders, unit_of_work
from graphql_api.customers import ContextInfo, Customer
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope, ProcessorName
from graphql_api.user_errors import (
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
)
from graphql_api.webhook_events import WebhookEvent

ReplayWebhookEventError = Annotated[
    InvalidInputError | NotFoundError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("ReplayWebhookEventError", description="An event of the other mode is InvalidInputError."),
]
LinkProcessorAccountError = Annotated[
    InvalidInputError | NotFoundError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("LinkProcessorAccountError", description="An account linked elsewhere is InvalidInputError."),
]


@described_input
class ReplayWebhookEventInput:
    """Which event is applied again, in the ordinary way."""

    webhook_event_id: strawberry.ID
    idempotency_key: str | None = None


@described
class ReplayWebhookEventPayload:
    """The event as it is after it."""

    webhook_event: WebhookEvent | None = None
    errors: list[ReplayWebhookEventError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay of the request is made of."""
        assert self.webhook_event is not None
        return {"webhook_event_id": self.webhook_event.row.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the event as it is now."""
        info.context.caller.require_host(ApiScope.WEBHOOKS_MANAGE)
        found = await loaders.current().webhook_events.load(answer["webhook_event_id"])
        return cls(webhook_event=WebhookEvent.of(found))


@described_input
class LinkProcessorAccountInput:
    """Links what was made outside Seatgate; one account for each processor, one customer for each account."""

    customer_id: strawberry.ID
    processor: ProcessorName
    processor_id: str
    idempotency_key: str | None = None


@described
class LinkProcessorAccountPayload:
    """The customer; waiting events are applied soon after."""

    customer: Customer | None = None
    errors: list[LinkProcessorAccountError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.customer is not None
        return {"customer_id": self.customer.row.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the customer as it is now."""
        info.context.caller.require_administrator()
        return cls(customer=Customer.of(await loaders.current().customers.load(answer["customer_id"])))


async def replay_webhook_event(info: ContextInfo, input: ReplayWebhookEventInput) -> ReplayWebhookEventPayload | None:
    """Apply a stored event again."""
    caller = info.context.caller
    caller.require_host(ApiScope.WEBHOOKS_MANAGE)
    row = await info.context.services.replaying.replay(
        unit_of_work.session(), scope=caller, webhook_event_id=input.webhook_event_id
    )
    return ReplayWebhookEventPayload(webhook_event=WebhookEvent.of(row))


async def link_processor_account(
    info: ContextInfo, input: LinkProcessorAccountInput
) -> LinkProcessorAccountPayload | None:
    """Link a customer to an account at a processor."""
    customer = await info.context.services.linking.link(
        unit_of_work.session(),
        scope=info.context.caller,
        customer_id=input.customer_id,
        processor=input.processor,
        processor_id=input.processor_id,
    )
    return LinkProcessorAccountPayload(customer=Customer.of(customer))

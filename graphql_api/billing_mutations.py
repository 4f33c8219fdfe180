"""Writes that speak to a processor: intent, call, outcome, each transaction short and none during the call."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.billing import Purchase
from graphql_api import unit_of_work
from graphql_api.customers import BillingSubscription, ContextInfo
from graphql_api.described import described, described_input
from graphql_api.user_errors import (
    AlreadySubscribedError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
    SubscriptionStateError,
    UnsupportedError,
    UpstreamUnavailableError,
)

SubscribeError = Annotated[
    InvalidInputError
    | NotFoundError
    | AlreadySubscribedError
    | UnsupportedError
    | UpstreamUnavailableError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union("SubscribeError", description="Refusals of subscribe."),
]
CancelSubscriptionError = Annotated[
    InvalidInputError
    | NotFoundError
    | SubscriptionStateError
    | UnsupportedError
    | UpstreamUnavailableError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union("CancelSubscriptionError", description="Refusals of cancelSubscription."),
]


@described_input
class SubscriptionItemInput:
    """A price of the catalog and how many."""

    price_id: str
    quantity: int = 1


@described_input
class SubscribeInput:
    """At most one base plan among the items, each price once, 20 in all."""

    customer_id: strawberry.ID
    items: list[SubscriptionItemInput]
    idempotency_key: str | None = None


@described
class SubscribePayload:
    """The subscription as the processor confirmed it."""

    subscription: BillingSubscription | None = None
    client_secret: str | None = strawberry.field(
        default=None,
        description="What a browser needs to confirm the first payment; null in a replay, or when there is nothing to.",
    )
    errors: list[SubscribeError] = strawberry.field(default_factory=list)


@described_input
class CancelSubscriptionInput:
    """At the period's end unless atPeriodEnd is false (now); with at: at that instant, whatever atPeriodEnd says."""

    subscription_id: strawberry.ID
    at_period_end: bool = True
    at: datetime | None = None
    idempotency_key: str | None = None


@described
class CancelSubscriptionPayload:
    """The subscription as the processor confirmed it."""

    subscription: BillingSubscription | None = None
    errors: list[CancelSubscriptionError] = strawberry.field(default_factory=list)


async def subscribe(info: ContextInfo, input: SubscribeInput) -> SubscribePayload | None:
    """Buy a new subscription."""
    bought = await info.context.services.commands.subscribe(
        scope=info.context.caller,
        customer_id=input.customer_id,
        items=[Purchase(price_id=item.price_id, quantity=item.quantity) for item in input.items],
        call=unit_of_work.call_of(info, {"input": input}),
    )
    return SubscribePayload(
        subscription=BillingSubscription.of(bought.subscription), client_secret=bought.client_secret
    )


async def cancel_subscription(info: ContextInfo, input: CancelSubscriptionInput) -> CancelSubscriptionPayload | None:
    """End a subscription."""
    ended = await info.context.services.commands.cancel(
        scope=info.context.caller,
        subscription_id=input.subscription_id,
        at_period_end=input.at_period_end,
        at=input.at,
        call=unit_of_work.call_of(info, {"input": input}),
    )
    return CancelSubscriptionPayload(subscription=BillingSubscription.of(ended.subscription))

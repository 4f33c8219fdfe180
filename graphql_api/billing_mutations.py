"""Buying, here or on the processor's own pages: each transaction short, and none during the call."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.billing import CreateCheckout, CreatePortal, Purchase, Subscribe
from graphql_api import unit_of_work
from graphql_api.customers import BillingSubscription, ContextInfo
from graphql_api.described import described, described_input
from graphql_api.user_errors import (
    AlreadySubscribedError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
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
CreateCheckoutSessionError = Annotated[
    InvalidInputError
    | NotFoundError
    | AlreadySubscribedError
    | UnsupportedError
    | UpstreamUnavailableError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union("CreateCheckoutSessionError", description="Refusals of createCheckoutSession."),
]
CreatePortalSessionError = Annotated[
    InvalidInputError
    | NotFoundError
    | UnsupportedError
    | UpstreamUnavailableError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union("CreatePortalSessionError", description="Refusals of createPortalSession."),
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
class CreateCheckoutSessionInput:
    """As subscribe, paid on the processor's own page."""

    customer_id: strawberry.ID
    items: list[SubscriptionItemInput]
    success_url: str
    cancel_url: str
    idempotency_key: str | None = None


@described
class CreateCheckoutSessionPayload:
    """The page on which the customer pays."""

    url: str | None = strawberry.field(default=None, description="Where to send the customer; null in a replay.")
    expires_at: datetime | None = None
    errors: list[CreateCheckoutSessionError] = strawberry.field(default_factory=list)


@described_input
class CreatePortalSessionInput:
    """Where the processor's own page sends the customer back to."""

    customer_id: strawberry.ID
    return_url: str
    idempotency_key: str | None = None


@described
class CreatePortalSessionPayload:
    """The page on which the customer manages what is paid for."""

    url: str | None = strawberry.field(default=None, description="Where to send the customer; null in a replay.")
    errors: list[CreatePortalSessionError] = strawberry.field(default_factory=list)


async def subscribe(info: ContextInfo, input: SubscribeInput) -> SubscribePayload | None:
    """Buy a new subscription."""
    command = Subscribe(customer_id=input.customer_id, items=_purchases(input.items))
    bought = await unit_of_work.give(info, command, input)
    return SubscribePayload(
        subscription=BillingSubscription.of(bought.subscription), client_secret=bought.client_secret
    )


async def create_checkout_session(
    info: ContextInfo, input: CreateCheckoutSessionInput
) -> CreateCheckoutSessionPayload | None:
    """Make a page on which a customer pays for a new subscription; an older page of theirs is closed."""
    command = CreateCheckout(
        customer_id=input.customer_id,
        items=_purchases(input.items),
        success_url=input.success_url,
        cancel_url=input.cancel_url,
    )
    page = await unit_of_work.give(info, command, input)
    return CreateCheckoutSessionPayload(url=page.url, expires_at=page.expires_at)


async def create_portal_session(
    info: ContextInfo, input: CreatePortalSessionInput
) -> CreatePortalSessionPayload | None:
    """Make a page on which a customer manages what is paid for."""
    command = CreatePortal(customer_id=input.customer_id, return_url=input.return_url)
    page = await unit_of_work.give(info, command, input)
    return CreatePortalSessionPayload(url=page.url)


def _purchases(items: list[SubscriptionItemInput]) -> list[Purchase]:
    return [Purchase(price_id=item.price_id, quantity=item.quantity) for item in items]

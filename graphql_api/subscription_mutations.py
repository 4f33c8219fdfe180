"""Writes about a subscription that is there: each transaction short, and none during the call."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain.billing import Cancel, Pause, Resume, SwapPlan, Unpause, UpdateQuantity
from graphql_api import unit_of_work
from graphql_api.customers import BillingSubscription, ContextInfo
from graphql_api.described import described, described_input
from graphql_api.enums import PauseBehavior, ProrationPolicy
from graphql_api.user_errors import (
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
    SubscriptionStateError,
    UnsupportedError,
    UpstreamUnavailableError,
)

_Refusals = (
    NotFoundError
    | SubscriptionStateError
    | UnsupportedError
    | UpstreamUnavailableError
    | IdempotencyMismatchError
    | IdempotencyInProgressError
)
SwapPlanError = Annotated[
    _Refusals | InvalidInputError,
    strawberry.union("SwapPlanError", description="Refusals of swapPlan."),
]
UpdateSubscriptionQuantityError = Annotated[
    _Refusals | InvalidInputError,
    strawberry.union("UpdateSubscriptionQuantityError", description="Refusals of updateSubscriptionQuantity."),
]
CancelSubscriptionError = Annotated[
    _Refusals | InvalidInputError,
    strawberry.union("CancelSubscriptionError", description="Refusals of cancelSubscription."),
]
ResumeSubscriptionError = Annotated[
    _Refusals,
    strawberry.union("ResumeSubscriptionError", description="Refusals of resumeSubscription."),
]
PauseSubscriptionError = Annotated[
    _Refusals | InvalidInputError,
    strawberry.union("PauseSubscriptionError", description="Refusals of pauseSubscription."),
]
UnpauseSubscriptionError = Annotated[
    _Refusals,
    strawberry.union("UnpauseSubscriptionError", description="Refusals of unpauseSubscription."),
]


@described_input
class SwapPlanInput:
    """The base item's price becomes this one; quantity stays when not given."""

    subscription_id: strawberry.ID
    price_id: str
    quantity: int | None = None
    proration: ProrationPolicy
    idempotency_key: str | None = None


@described
class SwapPlanPayload:
    """The subscription as the processor confirmed it."""

    subscription: BillingSubscription | None = None
    errors: list[SwapPlanError] = strawberry.field(default_factory=list)


@described_input
class UpdateSubscriptionQuantityInput:
    """The quantity it shall be, not the difference. priceId: which item, when there are several."""

    subscription_id: strawberry.ID
    price_id: str | None = None
    quantity: int
    proration: ProrationPolicy = ProrationPolicy.CREATE_PRORATIONS
    idempotency_key: str | None = None


@described
class UpdateSubscriptionQuantityPayload:
    """The subscription as the processor confirmed it."""

    subscription: BillingSubscription | None = None
    errors: list[UpdateSubscriptionQuantityError] = strawberry.field(default_factory=list)


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


@described_input
class ResumeSubscriptionInput:
    """Which subscription shall not end after all."""

    subscription_id: strawberry.ID
    idempotency_key: str | None = None


@described
class ResumeSubscriptionPayload:
    """The subscription as the processor confirmed it."""

    subscription: BillingSubscription | None = None
    errors: list[ResumeSubscriptionError] = strawberry.field(default_factory=list)


@described_input
class PauseSubscriptionInput:
    """Pausing takes access away until unpaused or resumesAt has been confirmed by the processor."""

    subscription_id: strawberry.ID
    behavior: PauseBehavior = PauseBehavior.VOID
    resumes_at: datetime | None = None
    idempotency_key: str | None = None


@described
class PauseSubscriptionPayload:
    """The subscription as the processor confirmed it."""

    subscription: BillingSubscription | None = None
    errors: list[PauseSubscriptionError] = strawberry.field(default_factory=list)


@described_input
class UnpauseSubscriptionInput:
    """Which paused subscription goes on."""

    subscription_id: strawberry.ID
    idempotency_key: str | None = None


@described
class UnpauseSubscriptionPayload:
    """The subscription as the processor confirmed it."""

    subscription: BillingSubscription | None = None
    errors: list[UnpauseSubscriptionError] = strawberry.field(default_factory=list)


async def swap_plan(info: ContextInfo, input: SwapPlanInput) -> SwapPlanPayload | None:
    """Let the base plan have another price."""
    command = SwapPlan(
        subscription_id=input.subscription_id,
        price_id=input.price_id,
        quantity=input.quantity,
        proration=input.proration,
    )
    done = await unit_of_work.give(info, command, input)
    return SwapPlanPayload(subscription=BillingSubscription.of(done.subscription))


async def update_subscription_quantity(
    info: ContextInfo, input: UpdateSubscriptionQuantityInput
) -> UpdateSubscriptionQuantityPayload | None:
    """Let an item have another quantity."""
    command = UpdateQuantity(
        subscription_id=input.subscription_id,
        price_id=input.price_id,
        quantity=input.quantity,
        proration=input.proration,
    )
    done = await unit_of_work.give(info, command, input)
    return UpdateSubscriptionQuantityPayload(subscription=BillingSubscription.of(done.subscription))


async def cancel_subscription(info: ContextInfo, input: CancelSubscriptionInput) -> CancelSubscriptionPayload | None:
    """End a subscription."""
    command = Cancel(subscription_id=input.subscription_id, at_period_end=input.at_period_end, at=input.at)
    done = await unit_of_work.give(info, command, input)
    return CancelSubscriptionPayload(subscription=BillingSubscription.of(done.subscription))


async def resume_subscription(info: ContextInfo, input: ResumeSubscriptionInput) -> ResumeSubscriptionPayload | None:
    """Take back an end that has not come yet; only what is ending is resumed."""
    command = Resume(subscription_id=input.subscription_id)
    done = await unit_of_work.give(info, command, input)
    return ResumeSubscriptionPayload(subscription=BillingSubscription.of(done.subscription))


async def pause_subscription(info: ContextInfo, input: PauseSubscriptionInput) -> PauseSubscriptionPayload | None:
    """Stop collecting."""
    command = Pause(subscription_id=input.subscription_id, behavior=input.behavior, resumes_at=input.resumes_at)
    done = await unit_of_work.give(info, command, input)
    return PauseSubscriptionPayload(subscription=BillingSubscription.of(done.subscription))


async def unpause_subscription(info: ContextInfo, input: UnpauseSubscriptionInput) -> UnpauseSubscriptionPayload | None:
    """Go on with what is paused."""
    command = Unpause(subscription_id=input.subscription_id)
    done = await unit_of_work.give(info, command, input)
    return UnpauseSubscriptionPayload(subscription=BillingSubscription.of(done.subscription))

"""What a change of plan would bring: money as the processor computes it now, access as our catalog does."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain import billing, entitlements
from domain.billing import PlanChange, SwapPlan
from domain.entitlements import UNLIMITED
from graphql_api.customers import ContextInfo
from graphql_api.described import described, described_input
from graphql_api.enums import ProrationPolicy
from graphql_api.organizations import SeatUsage
from graphql_api.scalars import MinorUnits
from graphql_api.user_errors import (
    InvalidInputError,
    NotFoundError,
    SubscriptionStateError,
    UnsupportedError,
    UpstreamUnavailableError,
)

PreviewPlanChangeError = Annotated[
    InvalidInputError | NotFoundError | SubscriptionStateError | UnsupportedError | UpstreamUnavailableError,
    strawberry.union("PreviewPlanChangeError", description="Refusals of previewPlanChange."),
]


@described
class PreviewLine:
    """One line of the coming invoice."""

    description: str
    price_id: str | None
    quantity: int | None
    amount: MinorUnits
    proration: bool
    period_start: datetime | None
    period_end: datetime | None

    @classmethod
    def of(cls, line: billing.PreviewLine) -> "PreviewLine":
        """Dress a line."""
        return cls(
            description=line.description,
            price_id=line.price_id,
            quantity=line.quantity,
            amount=MinorUnits(line.amount),
            proration=line.proration,
            period_start=line.period_start,
            period_end=line.period_end,
        )


@described
class QuantityChange:
    """A limit before and after."""

    key: str
    before: int
    after: int
    used: int | None
    over_limit: bool = strawberry.field(description="More is in use than it would allow.")

    @classmethod
    def of(cls, change: billing.QuantityChange) -> "QuantityChange":
        """Dress a change."""
        return cls(
            key=change.key, before=change.before, after=change.after, used=change.used, over_limit=change.over_limit
        )


@described
class PlanChangePreview:
    """Money as the processor computes it now, access as our catalog does."""

    currency: str
    lines: list[PreviewLine]
    total: MinorUnits
    amount_due: MinorUnits
    plans_gained: list[str]
    plans_lost: list[str]
    features_gained: list[str]
    features_lost: list[str]
    quantities: list[QuantityChange]
    seats: SeatUsage | None = strawberry.field(description="As they would be; null for a user's customer.")

    @classmethod
    def of(cls, change: PlanChange) -> "PlanChangePreview":
        """Dress a preview."""
        invoice, access = change.invoice, change.access
        return cls(
            currency=invoice.currency,
            lines=[PreviewLine.of(line) for line in invoice.lines],
            total=MinorUnits(invoice.total),
            amount_due=MinorUnits(invoice.amount_due),
            plans_gained=list(access.plans_gained),
            plans_lost=list(access.plans_lost),
            features_gained=list(access.features_gained),
            features_lost=list(access.features_lost),
            quantities=[QuantityChange.of(each) for each in access.quantities],
            seats=_seats(change),
        )


@described_input
class PreviewPlanChangeInput:
    """As swapPlan would do it."""

    subscription_id: strawberry.ID
    price_id: str
    quantity: int | None = None
    proration: ProrationPolicy


@described
class PreviewPlanChangePayload:
    """What swapPlan would do."""

    preview: PlanChangePreview | None = None
    errors: list[PreviewPlanChangeError] = strawberry.field(default_factory=list)


async def preview_plan_change(info: ContextInfo, input: PreviewPlanChangeInput) -> PreviewPlanChangePayload | None:
    """Say what swapPlan would bring; nothing is stored."""
    swap = SwapPlan(
        subscription_id=input.subscription_id,
        price_id=input.price_id,
        quantity=input.quantity,
        proration=input.proration,
    )
    change = await info.context.services.commands.preview(swap, scope=info.context.caller)
    return PreviewPlanChangePayload(preview=PlanChangePreview.of(change))


def _seats(change: PlanChange) -> SeatUsage | None:
    if change.seats is None:
        return None
    limit = None if change.seat_limit == UNLIMITED else change.seat_limit
    counted = change.seats
    return SeatUsage.of(entitlements.SeatUsage(limit=limit, used=counted.used, reserved=counted.reserved))

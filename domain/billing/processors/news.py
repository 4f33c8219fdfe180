"""What an event tells, in our words: each adapter reads its processor's shapes into these, the inbox acts on them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from domain.billing.states import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionTold:
    """A whole subscription. `type` is Stripe's word for what happened to it, whoever tells it."""

    type: str
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionTouched:
    """Something happened to a subscription that the event does not show whole: it is to be fetched.

    `customer_processor_id` None: the event does not say whose it is; the fetch will.
    """

    processor_id: str
    customer_processor_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectNamed:
    """The event names what it is about and does not show it: the object is to be fetched, and then tells the rest."""

    kind: str
    processor_id: str


class InvoiceOutcome(StrEnum):
    """What became of an attempt to collect."""

    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceTold:
    """An invoice was paid, or an attempt to collect it failed. `next_attempt_at` null: nobody will try again."""

    outcome: InvoiceOutcome
    processor_id: str
    customer_processor_id: str
    subscription_processor_id: str | None
    attempt_count: int
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutCompleted:
    """A checkout session was completed; what was paid for is told by the subscription itself."""

    processor_id: str
    customer_processor_id: str | None
    subscription_processor_id: str | None


class CustomerChange(StrEnum):
    """What happened to a customer at the processor."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTold:
    """A customer was made, changed or deleted at the processor."""

    change: CustomerChange
    processor_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementsTold:
    """Stripe's own view of what a customer is entitled to: (feature id, lookup key) pairs, as they came.

    `complete`: there are no more than these.
    """

    customer_processor_id: str
    features: tuple[tuple[str, str], ...]
    complete: bool


News: TypeAlias = (
    SubscriptionTold
    | SubscriptionTouched
    | ObjectNamed
    | InvoiceTold
    | CheckoutCompleted
    | CustomerTold
    | EntitlementsTold
)

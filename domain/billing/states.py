"""What a processor says of one subscription, as plain values. No rule lives here: `lifecycle` reads them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ProcessorName(StrEnum):
    """Who can bill."""

    FAKE = "fake"
    STRIPE = "stripe"
    BRAINTREE = "braintree"


class Status(StrEnum):
    """A subscription's status as Stripe names it."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELED = "canceled"
    UNPAID = "unpaid"
    PAUSED = "paused"

    @classmethod
    def _missing_(cls, value: object) -> "Status":  # noqa: ARG003 - any unknown value reads the same
        """Read a status that nobody knows as INCOMPLETE, which grants nothing."""
        return cls.INCOMPLETE


class PauseBehavior(StrEnum):
    """What becomes of invoices while collection is paused."""

    VOID = "void"
    MARK_UNCOLLECTIBLE = "mark_uncollectible"
    KEEP_AS_DRAFT = "keep_as_draft"


class Proration(StrEnum):
    """How the processor settles the running period when a price or a quantity changes within it."""

    CREATE_PRORATIONS = "create_prorations"
    NONE = "none"
    ALWAYS_INVOICE = "always_invoice"


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseCollection:
    """Collection is paused; an empty one counts as much as a full one."""

    behavior: PauseBehavior | None = None
    resumes_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A price and how many of it; a null quantity counts as 0."""

    processor_id: str
    price_id: str
    quantity: int | None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState:
    """One subscription as the processor describes it at one instant. Instants are UTC."""

    status: Status
    items: tuple[Item, ...]
    trial_end: datetime | None = None
    cancel_at: datetime | None = None
    cancel_at_period_end: bool = False
    ended_at: datetime | None = None
    pause_collection: PauseCollection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A subscription with its names at the processor: what an event, a fetch or a command's answer carries."""

    processor_id: str
    customer_processor_id: str
    livemode: bool
    state: SubscriptionState

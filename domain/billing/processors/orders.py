"""What is asked of a processor and what it answers, besides the subscription itself. Money is in minor units."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.billing.states import Snapshot
from domain.ids import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A price and how many of it, to be bought."""

    price_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """The answer to a purchase: the subscription, and what a browser needs to confirm the first payment."""

    snapshot: Snapshot
    client_secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """What one item of a subscription shall be: its price and its quantity, not the difference."""

    item_id: str
    price_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLine:
    """One line of a coming invoice."""

    description: str
    price_id: str | None
    quantity: int | None
    amount: int
    proration: bool
    period_start: datetime | None
    period_end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePreview:
    """The invoice that a change would lead to, as the processor computes it now. `currency` in lower case."""

    currency: str
    lines: tuple[PreviewLine, ...]
    total: int
    amount_due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOrder:
    """A purchase to be paid on the processor's own page.

    `customer_processor_id` None: the page makes the processor's customer, and the session tells which one it was.
    `customer_id` is a note for people; nothing of ours trusts it when it comes back.
    """

    customer_id: CustomerId
    customer_processor_id: str | None
    items: Sequence[Purchase]
    success_url: str
    cancel_url: str


class CheckoutStatus(StrEnum):
    """How far a checkout session is."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutSession:
    """A page of the processor's on which a purchase is paid. `url` is a secret of the buyer's."""

    processor_id: str
    livemode: bool
    status: CheckoutStatus
    url: str | None
    expires_at: datetime | None
    customer_processor_id: str | None = None
    subscription_processor_id: str | None = None

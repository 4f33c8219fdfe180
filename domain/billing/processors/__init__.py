"""The processors behind one small protocol. `stripe` is imported nowhere else, and only when it is configured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.billing.states import ProcessorName, Snapshot
from domain.ids import CustomerId


class SignatureRefused(Exception):
    """The signature is missing, wrong, too old or from the future. Why is never told to the sender."""


class UnreadableEvent(Exception):
    """Signed, but no event: not UTF-8 JSON, or without id, type or created."""


class IncompleteEvent(UnreadableEvent):
    """A subscription with more items than the event shows: fetch `processor_id` instead of applying the event."""

    def __init__(self, *, processor_id: str, customer_processor_id: str, livemode: bool) -> None:
        super().__init__("the event does not show every item")
        self.processor_id = processor_id
        self.customer_processor_id = customer_processor_id
        self.livemode = livemode


class ProcessorUnavailable(Exception):
    """The processor refused to answer or did not answer in time. It may have done the deed.

    `answered`: it did answer, with an error of its own, so the request is not under way any more.
    """

    def __init__(self, message: str = "no usable answer", *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class ProcessorRefused(Exception):
    """The processor understood and said no; nothing was done. The message is for people and names no secret.

    `code` is the processor's own word for why, where it gave one.
    """

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A verified event: the envelope, and the object as it came. `occurred_at` is the processor's clock, UTC."""

    processor: ProcessorName
    event_id: str
    type: str
    livemode: bool
    occurred_at: datetime
    payload: dict[str, Any]  # the whole event, the processor's own JSON


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


class Processor(Protocol):
    """One payment processor.

    Commands take an idempotency `key`: the same key does the deed once, however often it is sent.
    They raise ProcessorUnavailable when the outcome is unknown and ProcessorRefused when the answer was no.
    """

    name: ProcessorName
    livemode: bool

    def event(self, body: bytes, signature: str | None, *, now: datetime) -> Event:
        """Verify the signature over the raw bytes, then read the envelope.

        Raises:
            SignatureRefused: missing, wrong, older than 300 s or more than 300 s ahead of `now`.
            UnreadableEvent: signed, but no event.
        """

    def stored(self, body: bytes) -> Event:
        """Read an event whose signature was verified when it came.

        Raises:
            UnreadableEvent: no event.
        """

    def snapshot(self, event: Event) -> Snapshot:
        """Read the subscription that a `customer.subscription.*` event carries.

        Raises:
            IncompleteEvent: the subscription has more items than the event shows.
            UnreadableEvent: the object is no subscription in a shape that we know.
        """

    async def now(self) -> datetime:
        """Say what time a request sent now is stamped with: our clock, or the Fake's, which can be moved."""

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:
        """Make the customer at the processor and give its id there."""

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        """Buy `items` as one new subscription."""

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        """End the subscription at `at`, else at the period's end, else now; hand back as it is what has ended."""

    async def resume(self, processor_id: str, *, key: str) -> Snapshot:
        """Take back an end that has not come yet, so that it renews; hand back as it is what has ended."""

    async def fetch(self, processor_id: str) -> Snapshot | None:
        """Read the subscription as it is; None when the processor does not know it."""

    async def aclose(self) -> None:
        """Let go of connections."""

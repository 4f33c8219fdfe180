"""The processors behind one small protocol. A processor's library is imported by its adapter alone, when configured."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.billing.processors.capabilities import Capabilities, Capability, Label, capabilities
from domain.billing.processors.news import EntitlementsTold, News
from domain.billing.processors.orders import (
    CheckoutOrder,
    CheckoutSession,
    CheckoutStatus,
    InvoicePreview,
    ItemChange,
    PreviewLine,
    Purchase,
    Subscribed,
)
from domain.billing.processors.refusals import (
    IncompleteEvent,
    ProcessorRefused,
    ProcessorUnavailable,
    SignatureRefused,
    UnreadableEvent,
)
from domain.billing.states import PauseBehavior, ProcessorName, Proration, Snapshot
from domain.ids import CustomerId

__all__ = [
    "Capabilities",
    "Capability",
    "CheckoutOrder",
    "CheckoutSession",
    "CheckoutStatus",
    "Event",
    "IncompleteEvent",
    "InvoicePreview",
    "ItemChange",
    "Label",
    "News",
    "PreviewLine",
    "Processor",
    "ProcessorRefused",
    "ProcessorUnavailable",
    "Purchase",
    "SignatureRefused",
    "Subscribed",
    "Unoffered",
    "UnreadableEvent",
    "capabilities",
    "offers",
    "serving",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A verified event: the envelope, and the object as it came. `occurred_at` is the processor's clock, UTC."""

    processor: ProcessorName
    event_id: str
    type: str
    livemode: bool
    occurred_at: datetime
    payload: dict[str, Any]  # the whole event, the processor's own words as JSON


class Processor(Protocol):
    """One payment processor.

    Commands take an idempotency `key`: the same key does the deed once, however often it is sent.
    They raise ProcessorUnavailable when the outcome is unknown and ProcessorRefused when the answer was no.
    What `capabilities` calls unsupported is refused, and nobody should ask for it.
    """

    name: ProcessorName
    livemode: bool
    capabilities: Capabilities

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

    def news(self, event: Event) -> News | None:
        """Read what the event tells; None when it is of a type that nothing here reads.

        Raises:
            UnreadableEvent: its object has none of the shapes that we know.
        """

    async def whole(self, event: Event) -> Event:
        """Fetch what an event only names (ObjectNamed), and give the event as if it had carried that."""

    async def now(self) -> datetime:
        """Say what time a request sent now is stamped with: our clock, or the Fake's, which can be moved."""

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:
        """Make the customer at the processor and give its id there."""

    async def find_customer(self, customer_id: CustomerId, *, since: datetime) -> str | None:
        """Look whether `create_customer` has made this customer since an instant; None when surely not."""

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        """Buy `items` as one new subscription."""

    async def find_purchase(self, customer_processor_id: str, *, key: str) -> Snapshot | None:
        """Look whether `subscribe` has bought anything under this key, and give it as it is; None when surely not."""

    async def change_item(self, processor_id: str, change: ItemChange, *, proration: Proration, key: str) -> Snapshot:
        """Give one item of the subscription another price or quantity; the others stay."""

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        """End the subscription at `at`, else at the period's end, else now; hand back as it is what has ended."""

    async def resume(self, processor_id: str, *, key: str) -> Snapshot:
        """Take back an end that has not come yet, so that it renews; hand back as it is what has ended."""

    async def pause(
        self, processor_id: str, *, behavior: PauseBehavior, resumes_at: datetime | None, key: str
    ) -> Snapshot:
        """Stop collecting until `resumes_at`, or until it is unpaused."""

    async def unpause(self, processor_id: str, *, key: str) -> Snapshot:
        """Go on with what is paused: collection that was stopped, or a subscription that is paused as a whole."""

    async def preview(self, processor_id: str, change: ItemChange, *, proration: Proration) -> InvoicePreview:
        """Compute the invoice that `change_item` would lead to; nothing is changed."""

    async def create_checkout(self, order: CheckoutOrder, *, key: str) -> CheckoutSession:
        """Make a page on which the customer pays for a new subscription."""

    async def expire_checkout(self, processor_id: str, *, key: str) -> CheckoutSession:
        """Close a checkout session that is open; hand back as it is one that is not."""

    async def create_portal(self, customer_processor_id: str, *, return_url: str, key: str) -> str:
        """Make a page on which the customer manages what is paid for, and give its address, a secret of theirs."""

    async def fetch(self, processor_id: str) -> Snapshot | None:
        """Read the subscription as it is; None when the processor does not know it."""

    def list_subscriptions(self, customer_processor_id: str | None = None) -> AsyncIterator[Snapshot]:
        """Read every subscription of a customer, or all there are, ended ones included, as they are."""

    async def entitlements(self, customer_processor_id: str) -> EntitlementsTold | None:
        """Read all that the processor itself grants a customer, to the end; None when it does not know the customer."""

    def list_events(self, *, since: datetime) -> AsyncIterator[bytes]:
        """Read the bodies of the events that happened at `since` or later, oldest first, as `stored` reads them."""

    async def aclose(self) -> None:
        """Let go of connections."""


def offers(processor: Processor, capability: Capability) -> bool:
    """Say whether a processor does this at all."""
    return processor.capabilities[capability] is not Label.UNSUPPORTED


def serving(processors: Mapping[ProcessorName, Processor], name: ProcessorName, *, livemode: bool) -> Processor | None:
    """Find the processor that something is at; None when it is not here, or here in the other mode.

    Another mode's key would only not know what it is asked about.
    """
    processor = processors.get(name)
    return processor if processor is not None and processor.livemode == livemode else None


class Unoffered:
    """Where an adapter stands for what its processor does not do: every command here is refused."""

    async def change_item(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def resume(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def pause(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def unpause(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def preview(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def create_checkout(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def expire_checkout(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def create_portal(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    def list_subscriptions(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    async def entitlements(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()

    def list_events(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise _unoffered()


def _unoffered() -> ProcessorRefused:
    return ProcessorRefused("This processor does not do that.", code="unsupported")

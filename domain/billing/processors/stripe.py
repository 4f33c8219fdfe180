"""Stripe behind the processor's protocol, through its official library, pinned to one version of its API.

The library is loaded when a StripeProcessor is made and not before: it costs a second and 14 MB. Its objects and errors
never leave this room. No session and no rule of ours enters.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from domain.billing.lifecycle import terminal
from domain.billing.processors import (
    Capability,
    Event,
    IncompleteEvent,
    Label,
    News,
    ProcessorRefused,
    ProcessorUnavailable,
    Purchase,
    Subscribed,
    Unoffered,
    UnreadableEvent,
    capabilities,
    shapes,
    signatures,
)
from domain.billing.states import ProcessorName, Snapshot
from domain.clock import Clock
from domain.ids import CustomerId

if TYPE_CHECKING:
    import stripe

TIMEOUT_SECONDS = 10
RETRIES = 2
CONFLICT = 409
PAGE = 100


class StripeProcessor(Unoffered):
    """The account that `api_key` opens; live or test as the key is. Belongs to the event loop that first uses it."""

    name = ProcessorName.STRIPE
    capabilities = capabilities(
        Label.NATIVE,
        Capability.CUSTOMER_CREATE,
        Capability.SUBSCRIBE,
        Capability.FETCH,
        Capability.CANCEL,
        Capability.CANCEL_AT_PERIOD_END,
        Capability.CANCEL_AT,
        Capability.RESUME,
        Capability.WEBHOOKS,
    )

    def __init__(
        self, *, api_key: str, webhook_secrets: Sequence[str], clock: Clock, api_base: str | None = None
    ) -> None:
        import stripe  # noqa: PLC0415 - only a process that bills through Stripe pays for loading it

        self.livemode = "_live_" in api_key
        self._secrets = tuple(webhook_secrets)
        self._clock = clock
        self._http = stripe.HTTPXClient(timeout=TIMEOUT_SECONDS)
        self._api = stripe.StripeClient(
            api_key,
            stripe_version=shapes.API_VERSION,
            base_addresses={"api": api_base} if api_base else {},
            max_network_retries=RETRIES,
            http_client=self._http,
        ).v1

    def event(self, body: bytes, signature: str | None, *, now: datetime) -> Event:
        """Verify the signature over the raw bytes, then read the envelope."""
        signatures.verify(body, signature, secrets=self._secrets, now=now)
        return self.stored(body)

    def stored(self, body: bytes) -> Event:
        """Read an event whose signature was verified when it came."""
        return shapes.event(body, processor=self.name)

    def news(self, event: Event) -> News | None:
        """Read what the event tells."""
        return shapes.news(event)

    async def now(self) -> datetime:
        """Say what time it is on our clock."""
        return self._clock.now()

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:
        """Make the customer, with our id as a note for people; nothing of ours ever trusts that note."""
        with _heard():
            made = await self._api.customers.create_async(
                {"metadata": {"customer_id": customer_id}}, {"idempotency_key": key}
            )
            return made.id

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        """Buy `items`; the subscription is incomplete until a browser confirms the payment with the client secret."""
        with _heard():
            made = await self._api.subscriptions.create_async(
                {
                    "customer": customer_processor_id,
                    "items": [{"price": item.price_id, "quantity": item.quantity} for item in items],
                    "payment_behavior": "default_incomplete",
                    # Without it the confirmed card pays once, and the first renewal fails.
                    "payment_settings": {"save_default_payment_method": "on_subscription"},
                    "expand": ["latest_invoice.confirmation_secret"],
                },
                {"idempotency_key": key},
            )
            return Subscribed(snapshot=await self._whole(made), client_secret=_client_secret(made.to_dict()))

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        """End the subscription at `at`, else at the period's end, else now; hand back as it is what has ended."""
        subscriptions = self._api.subscriptions
        options: stripe.RequestOptions = {"idempotency_key": key}
        try:
            with _heard():
                if at is not None:
                    said = await subscriptions.update_async(processor_id, {"cancel_at": int(at.timestamp())}, options)
                elif at_period_end:
                    said = await subscriptions.update_async(processor_id, {"cancel_at_period_end": True}, options)
                else:
                    said = await subscriptions.cancel_async(processor_id, {}, options)
                return await self._whole(said)
        except ProcessorRefused as refusal:
            return await self._ended(processor_id, refusal)

    async def resume(self, processor_id: str, *, key: str) -> Snapshot:
        """Take back an end that has not come yet, at the period's end or at an instant; hand back what has ended."""
        subscriptions = self._api.subscriptions
        try:
            with _heard():
                said = await subscriptions.update_async(
                    processor_id, {"cancel_at_period_end": False}, {"idempotency_key": key}
                )
                if (await self._whole(said)).state.cancel_at is not None:
                    # Stripe does not take both in one request.
                    said = await subscriptions.update_async(
                        processor_id, {"cancel_at": ""}, {"idempotency_key": f"{key}-at"}
                    )
                return await self._whole(said)
        except ProcessorRefused as refusal:
            return await self._ended(processor_id, refusal)

    async def _ended(self, processor_id: str, refusal: ProcessorRefused) -> Snapshot:
        """Read what was refused because it has ended.

        Raises:
            ProcessorRefused: it was refused for another reason.
        """
        ended = await self.fetch(processor_id)
        if ended is None or not terminal(ended.state):
            raise refusal
        return ended

    async def fetch(self, processor_id: str) -> Snapshot | None:
        """Read the subscription with all its items; None when Stripe does not know it."""
        try:
            with _heard():
                return await self._whole(await self._api.subscriptions.retrieve_async(processor_id))
        except ProcessorRefused as refusal:
            if refusal.code == "resource_missing":
                return None
            raise

    async def _whole(self, subscription: "stripe.Subscription") -> Snapshot:
        """Read a subscription, and the items that an answer cuts off from their own list."""
        document = subscription.to_dict()
        try:
            return shapes.snapshot(document)
        except IncompleteEvent:
            page = await self._api.subscription_items.list_async({"subscription": subscription.id, "limit": PAGE})
            data = [item.to_dict() async for item in page.auto_paging_iter()]
            return shapes.snapshot(document | {"items": {"data": data}})

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library left it without types


@contextmanager
def _heard() -> Iterator[None]:
    """Turn what the library raises into the two answers that the protocol knows; in doubt the deed may be done."""
    import stripe  # noqa: PLC0415 - loaded long ago by whoever made the processor

    try:
        yield
    except stripe.CardError as error:
        raise ProcessorRefused(error.user_message or "The card was refused.", code=error.code) from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        raise ProcessorRefused("The payment processor refused the request.", code=error.code) from error
    except (stripe.StripeError, UnreadableEvent) as error:
        # A conflict means that the first request with this key is still under way.
        status = getattr(error, "http_status", None)
        raise ProcessorUnavailable(
            f"Stripe gave no usable answer ({type(error).__name__})", answered=status not in {None, CONFLICT}
        ) from error


def _client_secret(subscription: dict[str, Any]) -> str | None:
    invoice = subscription.get("latest_invoice")
    confirmation = invoice.get("confirmation_secret") if isinstance(invoice, dict) else None
    return confirmation.get("client_secret") if isinstance(confirmation, dict) else None

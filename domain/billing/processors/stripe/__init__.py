"""Stripe behind the processor's protocol, through its official library, pinned to one version of its API.

The library is loaded when a StripeProcessor is made and not before: it costs a second and 14 MB. Its objects and errors
never leave this room. No session and no rule of ours enters.
"""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from domain.billing.lifecycle import terminal
from domain.billing.processors import (
    Capability,
    CheckoutOrder,
    CheckoutSession,
    Event,
    IncompleteEvent,
    InvoicePreview,
    ItemChange,
    Label,
    News,
    ProcessorRefused,
    Purchase,
    Subscribed,
    capabilities,
    shapes,
    signatures,
)
from domain.billing.processors.news import EntitlementsTold
from domain.billing.processors.shapes import answers
from domain.billing.processors.stripe import listing, naming, previewing
from domain.billing.processors.stripe.hearing import heard
from domain.billing.states import PauseBehavior, ProcessorName, Proration, Snapshot, Status
from domain.clock import Clock
from domain.ids import CustomerId

if TYPE_CHECKING:
    import stripe

TIMEOUT_SECONDS = 10
RETRIES = 2


class StripeProcessor:
    """The account that `api_key` opens; live or test as the key is. Belongs to the event loop that first uses it.

    Every request is given up after `timeout_seconds` and tried `retries` more times, under the same key.
    """

    name = ProcessorName.STRIPE
    capabilities = capabilities(Label.NATIVE, *Capability)

    def __init__(
        self,
        *,
        api_key: str,
        webhook_secrets: Sequence[str],
        clock: Clock,
        api_base: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        import stripe  # noqa: PLC0415 - only a process that bills through Stripe pays for loading it

        self.livemode = "_live_" in api_key
        self._secrets = tuple(webhook_secrets)
        self._clock = clock
        self._http = stripe.HTTPXClient(timeout=timeout_seconds)
        self._client = stripe.StripeClient(
            api_key,
            stripe_version=shapes.API_VERSION,
            base_addresses={"api": api_base} if api_base else {},
            max_network_retries=retries,
            http_client=self._http,
        )
        self._api = self._client.v1

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

    async def whole(self, event: Event) -> Event:
        """Fetch the invoice or checkout session that a thin event names."""
        return await naming.whole(self._client, event)

    async def now(self) -> datetime:
        """Say what time it is on our clock."""
        return self._clock.now()

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:
        """Make the customer, with our id as a note for people; nothing of ours ever trusts that note."""
        with heard():
            made = await self._api.customers.create_async(
                {"metadata": {"customer_id": customer_id}}, {"idempotency_key": key}
            )
            return made.id

    async def find_customer(self, customer_id: CustomerId, *, since: datetime) -> str | None:
        """Look for our note among the customers made since; Stripe's own search may be minutes behind."""
        return await listing.customer_noted(self._client, customer_id, since)

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        """Buy `items`; the subscription is incomplete until a browser confirms the payment with the client secret."""
        with heard():
            made = await self._api.subscriptions.create_async(
                {
                    "customer": customer_processor_id,
                    "items": [{"price": item.price_id, "quantity": item.quantity} for item in items],
                    "payment_behavior": "default_incomplete",
                    # Without it the confirmed card pays once, and the first renewal fails.
                    "payment_settings": {"save_default_payment_method": "on_subscription"},
                    "metadata": {listing.PURCHASE: key},
                    "expand": ["latest_invoice.confirmation_secret"],
                },
                {"idempotency_key": key},
            )
            return Subscribed(snapshot=await self._whole(made), client_secret=answers.client_secret(made.to_dict()))

    async def find_purchase(self, customer_processor_id: str, *, key: str) -> Snapshot | None:
        """Look for the purchase's key among all that the customer has ever subscribed to."""
        with heard():
            found = await listing.purchase_noted(self._client, customer_processor_id, key)
            return None if found is None else await self._whole(found)

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        """End the subscription at `at`, else at the period's end, else now; hand back as it is what has ended."""
        subscriptions = self._api.subscriptions
        options: stripe.RequestOptions = {"idempotency_key": key}
        try:
            with heard():
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
            with heard():
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

    async def change_item(self, processor_id: str, change: ItemChange, *, proration: Proration, key: str) -> Snapshot:
        """Give one item another price or quantity.

        What is invoiced at once and not paid takes no effect: until the payment succeeds Stripe holds the change back.
        """
        wanted: stripe.params.SubscriptionUpdateParams = {
            "items": [{"id": change.item_id, "price": change.price_id, "quantity": change.quantity}],
            "proration_behavior": proration.value,
        }
        if proration is Proration.ALWAYS_INVOICE:
            wanted["payment_behavior"] = "pending_if_incomplete"
        with heard():
            said = await self._api.subscriptions.update_async(processor_id, wanted, {"idempotency_key": key})
            return await self._whole(said)

    async def pause(
        self, processor_id: str, *, behavior: PauseBehavior, resumes_at: datetime | None, key: str
    ) -> Snapshot:
        """Stop collecting; the status stays."""
        pause: stripe.params.SubscriptionUpdateParamsPauseCollection = {"behavior": behavior.value}
        if resumes_at is not None:
            pause["resumes_at"] = int(resumes_at.timestamp())
        with heard():
            said = await self._api.subscriptions.update_async(
                processor_id, {"pause_collection": pause}, {"idempotency_key": key}
            )
            return await self._whole(said)

    async def unpause(self, processor_id: str, *, key: str) -> Snapshot:
        """Go on: collect again, and bring back what is paused as a whole, paid as it was billed; it can be both."""
        subscriptions = self._api.subscriptions
        with heard():
            said = await subscriptions.update_async(processor_id, {"pause_collection": ""}, {"idempotency_key": key})
            if said.status == Status.PAUSED:
                said = await subscriptions.resume_async(processor_id, {}, {"idempotency_key": f"{key}-status"})
            return await self._whole(said)

    async def preview(self, processor_id: str, change: ItemChange, *, proration: Proration) -> InvoicePreview:
        """Have the next invoice computed as if the change had been made."""
        return await previewing.preview(self._client, processor_id, change, proration)

    async def create_checkout(self, order: CheckoutOrder, *, key: str) -> CheckoutSession:
        """Make a checkout session, with our id as a note for people; nothing of ours ever trusts that note."""
        wanted: stripe.params.checkout.SessionCreateParams = {
            "mode": "subscription",
            "line_items": [{"price": item.price_id, "quantity": item.quantity} for item in order.items],
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "client_reference_id": order.customer_id,
            "metadata": {"customer_id": order.customer_id},
        }
        if order.customer_processor_id is not None:
            wanted["customer"] = order.customer_processor_id
        with heard():
            made = await self._api.checkout.sessions.create_async(wanted, {"idempotency_key": key})
            return answers.checkout_session(made.to_dict(for_json=True))

    async def expire_checkout(self, processor_id: str, *, key: str) -> CheckoutSession:
        """Close a checkout session; hand back as it is one that is not open."""
        sessions = self._api.checkout.sessions
        try:
            with heard():
                closed = await sessions.expire_async(processor_id, {}, {"idempotency_key": key})
        except ProcessorRefused:
            with heard():
                closed = await sessions.retrieve_async(processor_id)
        with heard():
            return answers.checkout_session(closed.to_dict(for_json=True))

    async def create_portal(self, customer_processor_id: str, *, return_url: str, key: str) -> str:
        """Make a session of Stripe's customer portal and give its address."""
        with heard():
            made = await self._api.billing_portal.sessions.create_async(
                {"customer": customer_processor_id, "return_url": return_url}, {"idempotency_key": key}
            )
            return made.url

    async def list_subscriptions(self, customer_processor_id: str | None = None) -> AsyncIterator[Snapshot]:
        """Read every subscription, ended ones included, with all their items."""
        async for subscription in listing.subscriptions(self._client, customer_processor_id):
            with heard():
                whole = await self._whole(subscription)
            yield whole

    async def entitlements(self, customer_processor_id: str) -> EntitlementsTold | None:
        """Read all that Stripe itself grants a customer; None when Stripe does not know the customer."""
        return await listing.entitlements(self._client, customer_processor_id)

    async def list_events(self, *, since: datetime) -> AsyncIterator[bytes]:
        """Read the events that mean something here, oldest first; Stripe keeps them for 30 days."""
        for event in await listing.events(self._client, since):
            yield json.dumps(event).encode()

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
            with heard():
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
            page = await self._api.subscription_items.list_async(
                {"subscription": subscription.id, "limit": listing.PAGE}
            )
            data = [item.to_dict() async for item in page.auto_paging_iter()]
            return shapes.snapshot(document | {"items": {"data": data}})

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library left it without types

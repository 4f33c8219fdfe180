"""Braintree behind the processor's protocol, through its official library, which blocks and so runs in threads.

The library is loaded when a BraintreeProcessor is made and not before. Its objects and errors never leave this room. No
session and no rule of ours enters. What Braintree cannot do is refused before any call, and nothing of it is imitated.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import islice

from domain.billing.processors import (
    Capability,
    Event,
    ItemChange,
    Label,
    News,
    ProcessorRefused,
    Purchase,
    Subscribed,
    Unoffered,
    capabilities,
)
from domain.billing.processors.braintree import notifications, shapes
from domain.billing.processors.braintree.calls import MISSING, Calls, unsupported
from domain.billing.processors.braintree.merchant import Merchant
from domain.billing.states import ProcessorName, Proration, Snapshot
from domain.clock import Clock
from domain.ids import CustomerId

PAGE = 50


class BraintreeProcessor(Unoffered):
    """The merchant whose keys these are; `live`: at Braintree's production, else in its sandbox.

    `api_base` is another address that speaks as Braintree does, for tests.
    """

    name = ProcessorName.BRAINTREE
    capabilities = capabilities(
        Label.NATIVE,
        Capability.CUSTOMER_CREATE,
        Capability.SUBSCRIBE,
        Capability.FETCH,
        Capability.LIST,
        Capability.CANCEL,
        Capability.WEBHOOKS,
        SWAP_PLAN=Label.HOST_OWNED,
        CANCEL_AT_PERIOD_END=Label.HOST_OWNED,
    )

    def __init__(
        self,
        *,
        merchant_id: str,
        public_key: str,
        private_key: str,
        live: bool,
        clock: Clock,
        api_base: str | None = None,
    ) -> None:
        from braintree.util.crypto import Crypto  # noqa: PLC0415 - only who bills through Braintree pays for loading it

        self.livemode = live
        self._verify = partial(
            notifications.verify, public_key=public_key, private_key=private_key, digest=Crypto.sha1_hmac_hash
        )
        self._clock = clock
        self._calls = Calls()
        self._merchant = Merchant(
            merchant_id=merchant_id, public_key=public_key, private_key=private_key, live=live, api_base=api_base
        )

    def event(self, body: bytes, signature: str | None, *, now: datetime) -> Event:  # noqa: ARG002 - the form has it
        """Verify the signature that the form carries, then read the notification; `fresh` says how old it may be."""
        self._verify(body)
        read = self.stored(body)
        notifications.fresh(read, now=now)
        return read

    def stored(self, body: bytes) -> Event:
        """Read a notification whose signature was verified when it came."""
        return notifications.event(body, livemode=self.livemode)

    def news(self, event: Event) -> News | None:
        """Read what the notification tells."""
        return shapes.news(event)

    async def whole(self, event: Event) -> Event:
        """Give the notification as it is: every one carries what it is about."""
        return event

    async def now(self) -> datetime:
        """Say what time it is on our clock."""
        return self._clock.now()

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:  # noqa: ARG002 - the id is the key
        """Make the customer under our own id, so that a second time finds the first; nothing of ours trusts that id."""
        return await self._calls.make(partial(self._merchant.create_customer, customer_id))

    async def find_customer(self, customer_id: CustomerId, *, since: datetime) -> str | None:  # noqa: ARG002 - the id tells
        """Look for the customer under our own id."""
        try:
            return await self._calls.make(partial(self._merchant.found_customer, customer_id))
        except ProcessorRefused as refusal:
            if refusal.code == MISSING:
                return None
            raise

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        """Buy a plan, the first of `items`, with the others as its add-ons, on the customer's default payment method.

        Braintree has no idempotency keys: the subscription's id comes from the key, and what has that id already is
        handed back as it is. A plan is bought once; only add-ons have a quantity.
        """
        if not items or items[0].quantity != 1:
            raise unsupported("At Braintree a plan is bought once; seats are an add-on with a quantity.")
        bought = await self._calls.make(partial(self._merchant.subscribe, _id_of(key), customer_processor_id, items))
        return Subscribed(snapshot=bought)

    async def find_purchase(self, customer_processor_id: str, *, key: str) -> Snapshot | None:
        """Look for the subscription whose id comes from the key."""
        made = await self.fetch(_id_of(key))
        return made if made is not None and made.customer_processor_id == customer_processor_id else None

    async def change_item(
        self,
        processor_id: str,
        change: ItemChange,
        *,
        proration: Proration,
        key: str,  # noqa: ARG002 - absolute, so it needs no key
    ) -> Snapshot:
        """Give the plan of a subscription another price; refused for add-ons, for quantities, and to prorate later.

        Braintree settles the rest of a period at once or not at all.
        """
        if change.item_id != processor_id or change.quantity != 1:
            raise unsupported("At Braintree only the plan of a subscription can be changed, and it has no quantity.")
        if proration is Proration.CREATE_PRORATIONS:
            raise unsupported("Braintree prorates at once or not at all, never on the next invoice.")
        prorate = proration is Proration.ALWAYS_INVOICE
        return await self._calls.make(partial(self._merchant.swap, processor_id, change.price_id, prorate=prorate))

    async def cancel(
        self,
        processor_id: str,
        *,
        at_period_end: bool,
        at: datetime | None,
        key: str,  # noqa: ARG002 - absolute, so it needs no key
    ) -> Snapshot:
        """End the subscription with its period, by making the running billing cycle its last, or else now.

        Hands back as it is what has ended. Refused at an instant, and in a trial at the period's end.
        """
        if at is not None:
            raise unsupported("Braintree cannot end a subscription at an instant.")
        end = self._merchant.end_with_period if at_period_end else self._merchant.end_now
        return await self._calls.make(partial(end, processor_id))

    async def fetch(self, processor_id: str) -> Snapshot | None:
        """Read the subscription; None when Braintree does not know it."""
        try:
            return await self._calls.make(partial(self._merchant.snapshot, processor_id))
        except ProcessorRefused as refusal:
            if refusal.code == MISSING:
                return None
            raise

    async def list_subscriptions(self, customer_processor_id: str | None = None) -> AsyncIterator[Snapshot]:
        """Read every subscription on the payment methods that a customer has, or all there are; as they are.

        Raises:
            ProcessorRefused: there are more than 10,000 in all, of which Braintree would show no more than these.
        """
        find: Callable[[], Iterator[Snapshot]] = self._merchant.all
        if customer_processor_id is not None:
            find = partial(self._merchant.of_customer, customer_processor_id)
        try:
            found = await self._calls.make(find)
        except ProcessorRefused as refusal:
            if refusal.code == MISSING:
                return
            raise
        while page := await self._calls.make(lambda: list(islice(found, PAGE))):
            for snapshot in page:
                yield snapshot

    async def aclose(self) -> None:
        """Let go of threads and connections."""
        await self._calls.aclose()


def _id_of(key: str) -> str:
    """Name what is bought under a key."""
    return f"sg_{sha256(key.encode()).hexdigest()[:32]}"

"""The Fake as a processor: the protocol of all processors, over books in our own database."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial

from sqlalchemy import select

from domain.billing.processors import (
    Capability,
    CheckoutOrder,
    CheckoutSession,
    Event,
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
from domain.billing.processors.fake import checkouts, desk, invoices
from domain.billing.processors.fake.books import Books, found
from domain.billing.processors.fake.controls import FakeControls
from domain.billing.processors.fake.documents import Document, id_of
from domain.billing.processors.fake.life import Life
from domain.billing.processors.fake.models import (
    FakeCustomer,
    FakeEvent,
    FakeInvoice,
    FakeSubscription,
)
from domain.billing.processors.fake.requests import Work
from domain.billing.processors.news import EntitlementsTold, ObjectNamed
from domain.billing.states import PauseBehavior, ProcessorName, Proration, Snapshot
from domain.ids import CustomerId

PAGE = 100


class FakeProcessor(FakeControls):
    """A processor that charges nobody. A customer's card is good until it is said not to be."""

    name = ProcessorName.FAKE
    livemode = False
    capabilities = capabilities(
        Label.TESTING_LOCAL_ONLY,
        *(set(Capability) - {Capability.NATIVE_ENTITLEMENTS}),
    )

    def event(self, body: bytes, signature: str | None, *, now: datetime) -> Event:
        """Verify the signature over the raw bytes, then read the envelope, whoever made the subscription."""
        signatures.verify(body, signature, secrets=self._secrets, now=now)
        return self.stored(body)

    def stored(self, body: bytes) -> Event:
        """Read an event whose signature was verified when it came."""
        return shapes.event(body, processor=self.name)

    def news(self, event: Event) -> News | None:
        """Read what the event tells."""
        return shapes.news(event)

    async def whole(self, event: Event) -> Event:
        """Fetch the invoice or checkout session that a thin event names; the Fake itself sends no such events.

        Raises:
            ProcessorRefused: there is none.
        """
        named = shapes.news(event)
        if not isinstance(named, ObjectNamed):
            raise ProcessorRefused("The event names nothing to fetch.")

        async def look(books: Books) -> Document:
            if named.kind == "invoice":
                return found(await books.session.get(FakeInvoice, named.processor_id), "invoice").document
            return (await books.checkout(named.processor_id)).document

        return shapes.carrying(event, await self._requests.read("fetch", look))

    async def now(self) -> datetime:
        """Say what time it is on the Fake's own clock: ours, and every advance on top."""
        return await self._requests.look(Books.now)

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:
        """Make a customer with a good card; the Fake also sells to names that it has not made."""

        async def make(books: Books) -> Document:
            return (await books.new_customer(id_of("cus", key), metadata={"customer_id": customer_id})).document

        made = await self._requests.once("create_customer", key, {"customer": customer_id}, make)
        return str(made["id"])

    async def find_customer(self, customer_id: CustomerId, *, since: datetime) -> str | None:  # noqa: ARG002 - there are few
        """Look for the customer with this id of ours as its note."""
        noted = FakeCustomer.document["metadata"]["customer_id"].as_string() == customer_id
        query = select(FakeCustomer.id).where(noted).order_by(FakeCustomer.id).limit(1)

        async def look(books: Books) -> str | None:
            return (await books.session.execute(query)).scalar_one_or_none()

        return await self._requests.read("find_customer", look)

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        """Buy `items`, active at once or in trial; without a good card incomplete, with a payment to confirm."""
        request = {"customer": customer_processor_id, "items": [asdict(item) for item in items]}

        async def buy(books: Books) -> Document:
            return await desk.subscribe(books, id_of("sub", key), customer_processor_id, items)

        bought = await self._requests.once("subscribe", key, request, buy)
        unpaid = bought["latest_invoice"] if bought["status"] == "incomplete" else None
        return Subscribed(snapshot=shapes.snapshot(bought), client_secret=unpaid and f"{unpaid}_secret")

    async def find_purchase(self, customer_processor_id: str, *, key: str) -> Snapshot | None:
        """Look for the subscription whose id comes from the key."""

        async def look(books: Books) -> Snapshot | None:
            row = await books.session.get(FakeSubscription, id_of("sub", key))
            if row is None or row.customer_id != customer_processor_id:
                return None
            return _read(await books.present([row]))[0]

        return await self._requests.read("find_purchase", look)

    async def change_item(self, processor_id: str, change: ItemChange, *, proration: Proration, key: str) -> Snapshot:
        """Give one item of the subscription another price or quantity; the others stay."""
        request = {"change": asdict(change), "proration": proration.value}
        work = partial(desk.change_item, id=processor_id, change=change, proration=proration)
        return await self._command("change_item", processor_id, key, request, work)

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        """End the subscription at `at`, else at the period's end, else now; hand back as it is what has ended."""
        request = {"at_period_end": at_period_end, "at": at and at.isoformat()}
        work = partial(desk.cancel, id=processor_id, at_period_end=at_period_end, at=at)
        return await self._command("cancel", processor_id, key, request, work)

    async def resume(self, processor_id: str, *, key: str) -> Snapshot:
        """Take back an end that has not come yet; hand back as it is what has ended."""
        return await self._command("resume", processor_id, key, {}, partial(desk.resume, id=processor_id))

    async def pause(
        self, processor_id: str, *, behavior: PauseBehavior, resumes_at: datetime | None, key: str
    ) -> Snapshot:
        """Stop collecting until `resumes_at`, or until it is unpaused."""
        request = {"behavior": behavior.value, "resumes_at": resumes_at and resumes_at.isoformat()}
        work = partial(desk.pause, id=processor_id, behavior=behavior, resumes_at=resumes_at)
        return await self._command("pause", processor_id, key, request, work)

    async def unpause(self, processor_id: str, *, key: str) -> Snapshot:
        """Collect again, or begin a new period of what is paused as a whole."""
        return await self._command("unpause", processor_id, key, {}, partial(desk.unpause, id=processor_id))

    async def preview(self, processor_id: str, change: ItemChange, *, proration: Proration) -> InvoicePreview:
        """Compute the invoice that `change_item` would lead to; nothing is changed."""

        async def compute(books: Books) -> InvoicePreview:
            life, known, at = await desk.changeable(books, processor_id, change)
            lines = life.upcoming(change, known, proration=proration, at=at)
            return invoices.preview(life.document["currency"], lines, credit=life.credit)

        return await self._requests.read("preview", compute)

    async def create_checkout(self, order: CheckoutOrder, *, key: str) -> CheckoutSession:
        """Make a page for a new subscription; `complete_checkout` is the customer who pays on it."""
        request = asdict(order) | {"items": [asdict(item) for item in order.items]}
        work = partial(desk.create_checkout, id=id_of("cs", key), order=order)
        return checkouts.session(await self._requests.once("create_checkout", key, request, work))

    async def expire_checkout(self, processor_id: str, *, key: str) -> CheckoutSession:
        """Close a checkout session that is open; hand back as it is one that is not."""

        async def unchanged(books: Books) -> Document:
            return (await books.checkout(processor_id)).document

        work = partial(desk.expire_checkout, id=processor_id)
        return checkouts.session(
            await self._requests.once("expire_checkout", key, {"id": processor_id}, work, unchanged)
        )

    async def create_portal(self, customer_processor_id: str, *, return_url: str, key: str) -> str:
        """Give the address of a page; it leads nowhere."""
        request = {"customer": customer_processor_id, "return_url": return_url}

        async def make(books: Books) -> Document:  # noqa: ARG001 - nothing is kept but the answer
            return {"url": checkouts.portal(id_of("bps", key))}

        return str((await self._requests.once("create_portal", key, request, make))["url"])

    async def fetch(self, processor_id: str) -> Snapshot | None:
        """Read the subscription as the Fake knows it; None when somebody else made it."""

        async def read(books: Books) -> Snapshot | None:
            row = await books.session.get(FakeSubscription, processor_id)
            return None if row is None else _read(await books.present([row]))[0]

        return await self._requests.read("fetch", read)

    async def list_subscriptions(self, customer_processor_id: str | None = None) -> AsyncIterator[Snapshot]:
        """Read every subscription of a customer, or all there are, ended ones included, a page at a time."""
        query = select(FakeSubscription).order_by(FakeSubscription.id).limit(PAGE)
        if customer_processor_id is not None:
            query = query.where(FakeSubscription.customer_id == customer_processor_id)
        last = ""
        while True:

            async def page(books: Books, after: str = last) -> list[Snapshot]:
                rows = (await books.session.execute(query.where(FakeSubscription.id > after))).scalars().all()
                return _read(await books.present(rows))

            held = await self._requests.read("list_subscriptions", page)
            for snapshot in held:
                yield snapshot
            if len(held) < PAGE:
                return
            last = held[-1].processor_id

    async def entitlements(self, customer_processor_id: str) -> EntitlementsTold | None:
        """Refuse: the Fake grants nobody anything of its own.

        Raises:
            ProcessorRefused: always.
        """
        raise ProcessorRefused(f"The Fake has no entitlements of {customer_processor_id}.", code="unsupported")

    async def list_events(self, *, since: datetime) -> AsyncIterator[bytes]:
        """Read the bodies of the events that happened at `since` or later, in the order in which they were written."""
        query = select(FakeEvent).where(FakeEvent.occurred_at >= since).order_by(FakeEvent.sequence).limit(PAGE)
        last = 0
        while True:

            async def page(books: Books, after: int = last) -> list[FakeEvent]:
                return list((await books.session.execute(query.where(FakeEvent.sequence > after))).scalars())

            rows = await self._requests.read("list_events", page)
            for row in rows:
                yield row.body
            if len(rows) < PAGE:
                return
            last = rows[-1].sequence

    async def aclose(self) -> None:
        """Let go of nothing; the database is the caller's."""

    async def _command(self, operation: str, id: str, key: str, request: Document, work: Work[Document]) -> Snapshot:
        """Carry out a command on a subscription; where a script wants nothing done, the answer is it as it is."""

        async def unchanged(books: Books) -> Document:
            return (await books.subscription(id)).document

        answer = await self._requests.once(operation, key, {"id": id, **request}, work, unchanged)
        return shapes.snapshot(answer)


def _read(lives: Sequence[Life]) -> list[Snapshot]:
    return [shapes.snapshot(life.document) for life in lives]

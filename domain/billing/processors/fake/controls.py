"""What one does to the Fake besides commanding it: move its clock, have cards declined, edit, pay, script faults."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from domain import outbox
from domain.billing.processors import CheckoutSession, ProcessorRefused, Purchase, shapes, signatures
from domain.billing.processors.fake import checkouts, desk, passing
from domain.billing.processors.fake.books import TOPIC, Books
from domain.billing.processors.fake.delivery import Receiver, Webhooks, post
from domain.billing.processors.fake.faults import Fault
from domain.billing.processors.fake.models import Card, FakePrice
from domain.billing.processors.fake.passing import Passed
from domain.billing.processors.fake.prices import price
from domain.billing.processors.fake.requests import Requests
from domain.billing.processors.fake.terms import Terms
from domain.billing.states import ProcessorName, Snapshot, Status
from domain.clock import Clock
from domain.db import Database
from domain.errors import InvalidInput


class FakeControls:
    """The Fake in the hands of whoever tests with it."""

    TOPIC = TOPIC

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        webhook_secrets: Sequence[str],
        terms: Terms | None = None,
        deliver_to: str | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = tuple(webhook_secrets)
        self._deliver_to = deliver_to
        self._requests = Requests(database, clock, terms or Terms())

    def script(self, faults: Iterable[Fault]) -> None:
        """Let calls of this process and webhooks that it delivers fail: each fault once, in order; nothing clears it.

        Raises:
            ValueError: a fault that nothing can have.
        """
        self._requests.own.write(faults)

    async def script_everywhere(self, faults: Iterable[Fault]) -> int:
        """The same for every process that shares the database; say how many faults wait.

        Raises:
            ValueError: a fault that nothing can have.
        """
        return await self._requests.shared.write(faults)

    async def advance(self, seconds: int) -> int:
        """Move the Fake's clock forward and let happen, in order, what falls due; say how much did. 0 only looks.

        Raises:
            InvalidInput: `seconds` is negative or more than ten years.
        """
        return (await self.pass_time(seconds=seconds)).happened

    async def pass_time(self, *, seconds: int = 0, until: datetime | None = None) -> Passed:
        """Move the Fake's clock forward by `seconds`, or to `until`, and say what has come of it.

        Raises:
            InvalidInput: that is backwards, or farther than ten years.
        """
        return await self._requests.write(partial(passing.advance, seconds=seconds, until=until), in_time=False)

    async def set_status(self, processor_id: str, status: Status) -> None:
        """Say something else of a subscription from now on, until time or a command changes it.

        Raises:
            InvalidInput: the Fake has no such subscription, or it has ended.
        """
        try:
            await self._requests.write(partial(desk.set_status, id=processor_id, status=status))
        except ProcessorRefused as refused:
            raise InvalidInput(str(refused), path=["input", "subscriptionId"]) from refused

    async def set_card(self, customer_processor_id: str, card: Card) -> None:
        """Give a customer another card, or none; what is owed is not collected before the next attempt."""
        await self._requests.write(partial(desk.set_card, id=customer_processor_id, card=card))

    async def set_price(
        self,
        id: str,
        *,
        unit_amount: int,
        currency: str = "usd",
        interval: str = "month",
        trial_days: int | None = None,
    ) -> None:
        """Say what a price costs in minor units by `day`, `week`, `month` or `year`, and how long a trial is."""
        document = price(id, unit_amount=unit_amount, currency=currency, interval=interval, trial_days=trial_days)

        async def write(books: Books) -> None:
            await books.session.merge(FakePrice(id=id, document=document))

        await self._requests.write(write)

    async def collect(self, processor_id: str) -> Snapshot:
        """Try to collect at once what a subscription owes, as when its customer pays the invoice by hand.

        Raises:
            ProcessorRefused: the Fake has no such subscription.
        """
        return shapes.snapshot(await self._requests.write(partial(desk.collect, id=processor_id)))

    async def complete_checkout(self, processor_id: str) -> CheckoutSession:
        """Pay on the page of a checkout session, as the customer would; a complete one is handed back as it is.

        Raises:
            ProcessorRefused: there is no such session, it has expired, or the card is declined.
        """
        return checkouts.session(await self._requests.write(partial(desk.complete_checkout, id=processor_id)))

    async def replace_items(self, processor_id: str, items: Sequence[Purchase]) -> bytes:
        """Replace what is bought and hand back the event for it, unsent: the caller signs and posts it.

        Raises:
            ProcessorRefused: the Fake has no such subscription, or it has ended, or `items` is empty.
        """
        return await self._requests.write(partial(desk.replace_items, id=processor_id, items=items))

    def deliverer(self, receiver: Receiver | None = None) -> outbox.Deliver:
        """Make the outbox's handler for TOPIC, which signs at the moment of delivery so that no signature grows old.

        It hands webhooks to `receiver`, or posts them where `deliver_to` says.
        """
        return self._webhooks(receiver).deliver

    async def deliver_due(self, receiver: Receiver | None = None) -> int:
        """Deliver at once, in order, every webhook that waits, and say how many: for tests that have no worker.

        Raises:
            Exception: the receiver's own; the worker tries again what was not received.
        """
        webhooks, delivered = self._webhooks(receiver), 0
        while count := await outbox.deliver_together(self._database, self._clock, self.TOPIC, webhooks.deliver):
            delivered += count
        return delivered

    def _webhooks(self, receiver: Receiver | None) -> Webhooks:
        async def send(bodies: Sequence[bytes]) -> None:
            signed = [(body, self.sign(body)) for body in bodies]
            if self._deliver_to is not None:
                await post(self._deliver_to, signed)
            else:
                assert receiver is not None, "webhooks go to a receiver, or to an address"
                if len(signed) == 1:
                    await receiver.receive(ProcessorName.FAKE, *signed[0])
                else:
                    await receiver.receive_all(ProcessorName.FAKE, signed)

        return Webhooks(self._requests, send)

    def sign(self, body: bytes) -> str:
        """Make the signature header for a body that is sent now, by our clock."""
        return signatures.sign(body, self._secrets[0], self._clock.now())

"""Who tells a story: Stripe by its documents, Braintree and the Fake by living it. Each has a customer of its own."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from domain.billing.processors import Capabilities, ItemChange, Purchase
from domain.billing.processors.braintree import BraintreeProcessor
from domain.billing.processors.fake import Card as FakeCard
from domain.billing.processors.fake import FakeProcessor
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import PauseBehavior, ProcessorName, Proration, Snapshot
from domain.billing.webhooks import Inbox
from tests.domain.billing.processors import stripe_json
from tests.parity.scenarios import PLANS, Deed, Step
from tests.peers.braintree import Card, Peer, Plan
from tests.support.clock import FixedClock

TRIAL_DAYS = 14
# As the Fake: 15 days after the first failure nobody tries any more.
RETRY_DAYS = 5
BEGINNINGS = {Deed.BUY, Deed.TRY}
ENDS = {Deed.END_NOW, Deed.PERIOD_ENDS, Deed.GIVES_UP}
FAILS = {Deed.RENEWAL_FAILS, Deed.GIVES_UP}


class Teller(Protocol):
    """One processor's way to tell."""

    name: ProcessorName

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    async def prepare(self, step: Step) -> None:
        """See to it that the days before the step go as the step says."""

    async def day(self) -> None:
        """Tell what one more day has brought."""

    async def tell(self, step: Step) -> str | None:
        """Do the step and tell it; give the subscription whose command's answer is the only news of it."""


class Stripe:
    """Writes what Stripe would send."""

    name = ProcessorName.STRIPE

    def __init__(self, processor: StripeProcessor, inbox: Inbox, clock: FixedClock, *, sign: Any) -> None:
        self.capabilities = processor.capabilities
        self._inbox, self._clock, self._sign = inbox, clock, sign
        self._held: dict[str, Any] = {}
        self._told = 0

    async def prepare(self, step: Step) -> None:
        """Nothing happens here by itself."""

    async def day(self) -> None:
        """Nothing happens here by itself."""

    async def tell(self, step: Step) -> None:
        now = int(self._clock.now().timestamp())
        if step.deed in BEGINNINGS:
            self._held = stripe_json.subscription(customer="cus_of_stripe", items=self._items(step, now))
        self._held |= self._changes(step, now).get(step.deed, {})
        self._told += 1
        kind = "created" if step.deed in BEGINNINGS else "deleted" if step.deed in ENDS else "updated"
        event = {"id": f"evt_{self._told}", "type": f"customer.subscription.{kind}", "created": now}
        body = json.dumps(stripe_json.event(**event, data={"object": self._held})).encode()
        await self._inbox.receive(self.name, body, self._sign(body))

    def _changes(self, step: Step, now: int) -> dict[Deed, dict[str, Any]]:
        """Say what each deed changes; all else only tells again how it is."""
        items, renewed = {"items": self._items(step, now)}, {"status": "active", "items": self._renewed(now)}
        ended = {"status": "canceled", "ended_at": now}
        return {
            Deed.TRY: {"status": "trialing", "trial_end": now + TRIAL_DAYS * 86400},
            Deed.CHANGE: items,
            Deed.QUANTITY: items,
            Deed.TRIAL_ENDS: renewed,
            Deed.RENEWS: renewed,
            Deed.PAUSE: {"pause_collection": {"behavior": "void"}},
            Deed.UNPAUSE: {"pause_collection": None},
            Deed.END_WITH_PERIOD: {"cancel_at_period_end": True},
            Deed.TAKE_BACK: {"cancel_at_period_end": False},
            Deed.RENEWAL_FAILS: {"status": "past_due"},
            Deed.PAYS: {"status": "active"},
            **dict.fromkeys(ENDS, ended),
        }

    def _items(self, step: Step, now: int) -> dict[str, Any]:
        bought = [(step.plan, 1 if step.add_on else step.quantity), (step.add_on, step.quantity)]
        items = [
            _item(number, price={"id": f"price_{plan}"}, quantity=quantity, now=now)
            for number, (plan, quantity) in enumerate(bought)
            if plan
        ]
        return stripe_json.items(*items)

    def _renewed(self, now: int) -> dict[str, Any]:
        held = self._held["items"]["data"]
        return stripe_json.items(*(item | _period(now) for item in held))


def _item(number: int, *, price: dict[str, str], quantity: int, now: int) -> dict[str, Any]:
    return stripe_json.item(id=f"si_{number}", price=price, quantity=quantity, **_period(now))


def _period(now: int) -> dict[str, int]:
    return {"current_period_start": now, "current_period_end": now + 30 * 86400}


class Living:
    """Commands a processor through its adapter."""

    def __init__(self, processor: FakeProcessor | BraintreeProcessor, customer: str, prefix: str) -> None:
        self.name = processor.name
        self.capabilities = processor.capabilities
        self.processor = processor
        self._customer, self._prefix = customer, prefix
        self._held: Snapshot | None = None
        self._keys = 0

    async def do(self, step: Step) -> str | None:
        """Do the step; None when time has done it."""
        self._keys += 1
        key, processor = f"deed:{self._keys}", self.processor
        if step.deed in BEGINNINGS:
            bought = await processor.subscribe(self._customer, self._purchases(step), key=key)
            self._held = bought.snapshot
            return self._held.processor_id
        assert self._held is not None, "every story begins with a purchase"
        id = self._held.processor_id
        match step.deed:
            case Deed.CHANGE | Deed.QUANTITY:
                change = ItemChange(
                    item_id=self._held.state.items[0].processor_id,
                    price_id=f"{self._prefix}{step.plan}",
                    quantity=step.quantity,
                )
                await processor.change_item(id, change, proration=Proration.ALWAYS_INVOICE, key=key)
            case Deed.PAUSE:
                await processor.pause(id, behavior=PauseBehavior.VOID, resumes_at=None, key=key)
            case Deed.UNPAUSE:
                await processor.unpause(id, key=key)
            case Deed.END_WITH_PERIOD | Deed.END_NOW:
                at_period_end = step.deed is Deed.END_WITH_PERIOD
                await processor.cancel(id, at_period_end=at_period_end, at=None, key=key)
            case Deed.TAKE_BACK:
                await processor.resume(id, key=key)
            case _:
                return None
        return id

    def _purchases(self, step: Step) -> list[Purchase]:
        plan = Purchase(price_id=f"{self._prefix}{step.plan}", quantity=1)
        add_on = Purchase(price_id=f"{self._prefix}{step.add_on}", quantity=step.quantity)
        return [plan, add_on] if step.add_on else [plan]


class Fake(Living):
    """Lives the story and tells it through the outbox, which the player delivers."""

    processor: FakeProcessor

    async def prepare(self, step: Step) -> None:
        if step.deed is Deed.TRY:
            await self.processor.set_price(f"price_{step.plan}", unit_amount=1000, trial_days=TRIAL_DAYS)
        if step.deed is not Deed.WAITS:
            await self.processor.set_card(self._customer, FakeCard.DECLINED if step.deed in FAILS else FakeCard.GOOD)

    async def day(self) -> None:
        await self.processor.advance(0)

    async def tell(self, step: Step) -> None:
        await self.do(step)


class Braintree(Living):
    """Lives the story on the peer; tells what Braintree notifies of, and for the rest has its answer fetched."""

    def __init__(self, processor: BraintreeProcessor, peer: Peer, inbox: Inbox, clock: FixedClock) -> None:
        super().__init__(processor, "cus_of_braintree", "")
        self._account, self._inbox, self._clock = peer.account, inbox, clock
        self._account.retry_days = RETRY_DAYS
        self._account.plans = {plan: Plan(price=Decimal(10)) for plan in PLANS}
        self._account.add_ons = {"seat_pack": Decimal(1)}
        self._account.customers = ["cus_of_braintree"]
        self._account.cards = {"token_1": Card(customer="cus_of_braintree")}

    async def prepare(self, step: Step) -> None:
        if step.deed is Deed.TRY:
            self._account.plans[step.plan] = Plan(price=Decimal(10), trial_days=TRIAL_DAYS)
        if step.deed is not Deed.WAITS:
            self._account.cards["token_1"].declines = step.deed in FAILS

    async def day(self) -> None:
        self._account.now = self._clock.now() - timedelta(days=1)
        self._account.advance(1)
        await self._post()

    async def tell(self, step: Step) -> str | None:
        self._account.now = self._clock.now()
        answered = await self.do(step)
        await self._post()
        return answered

    async def _post(self) -> None:
        for body in self._account.sent:
            await self._inbox.receive(self.name, body, None)
        self._account.sent.clear()

"""Each processor on a bench: what a test does on its other side, said once for all three."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Protocol

import pytest
import stripe

from domain.billing.processors import Capability, CheckoutOrder, ItemChange, Label, Processor, Purchase
from domain.billing.processors.braintree import BraintreeProcessor
from domain.billing.processors.fake import FakeProcessor, Fault, FaultKind
from domain.billing.processors.signatures import sign
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import Snapshot
from domain.db import Database
from domain.ids import CustomerId
from tests.domain.billing.processors import stripe_json
from tests.domain.billing.processors.braintree_xml import ACCOUNT, KEYS, subscription
from tests.peers import braintree as braintree_peer
from tests.peers import stripe as stripe_peer
from tests.peers.braintree.xml import written
from tests.support import tables
from tests.support.clock import FixedClock

CAPABILITIES = {each.name: each.capabilities for each in (FakeProcessor, StripeProcessor, BraintreeProcessor)}
SECRET = "whsec_of_the_contract"


class Trouble(StrEnum):
    """What goes wrong on the way to a processor, until it is over."""

    ERROR = "error"
    TOO_MANY = "too many"
    LOST = "lost"  # the deed is done, and nobody hears of it


class Bench(Protocol):
    """A processor, what is sold there, and the hand behind the counter. `patience`: how old an event may be."""

    @property
    def processor(self) -> Processor: ...

    @property
    def patience(self) -> timedelta: ...

    @property
    def team(self) -> str: ...

    @property
    def other(self) -> str: ...

    async def customer(self, number: int = 1) -> str:
        """Make a customer who can pay."""

    async def buy(self, customer: str, key: str) -> Snapshot:
        """Buy the team plan once and pay for it."""

    async def trace(self) -> object:
        """Give something that differs as soon as a request has come."""

    def trouble(self, trouble: Trouble) -> None:
        """Let the next command fail, however often the library tries it again."""

    def told(self, at: datetime, *, known: bool = True, ours: bool = True) -> tuple[bytes, str | None]:
        """Sign what happened to a subscription at an instant, or what nobody here reads, or as somebody else."""

    def nonsense(self, at: datetime) -> tuple[bytes, str | None]:
        """Sign what is no event."""


def _stripe_told(at: datetime, *, known: bool, ours: bool) -> tuple[bytes, str]:
    kind = "customer.subscription.updated" if known else "charge.refunded"
    body = stripe_json.body(type=kind, created=int(at.timestamp()))
    return body, sign(body, SECRET if ours else "whsec_of_somebody", at)


class StripeShaped:
    """What Stripe and the Fake have in common: one shape and one way to sign."""

    patience = timedelta(seconds=300)

    def told(self, at: datetime, *, known: bool = True, ours: bool = True) -> tuple[bytes, str | None]:
        return _stripe_told(at, known=known, ours=ours)

    def nonsense(self, at: datetime) -> tuple[bytes, str | None]:
        return b"{}", sign(b"{}", SECRET, at)


@dataclass
class OfFake(StripeShaped):
    processor: FakeProcessor
    database: Database
    team: str = "price_team_monthly"
    other: str = "price_pro_monthly"

    async def customer(self, number: int = 1) -> str:
        return await self.processor.create_customer(CustomerId(f"cst_{number}"), key=f"customer:{number}")

    async def buy(self, customer: str, key: str) -> Snapshot:
        return (await self.processor.subscribe(customer, [Purchase(price_id=self.team, quantity=1)], key=key)).snapshot

    async def trace(self) -> object:
        return await tables.dump(self.database)

    def trouble(self, trouble: Trouble) -> None:
        kinds = {
            Trouble.ERROR: FaultKind.ERROR_500,
            Trouble.TOO_MANY: FaultKind.ERROR_429,
            Trouble.LOST: FaultKind.LOST_ANSWER,
        }
        self.processor.script([Fault(kind=kinds[trouble])])


@dataclass
class OfStripe(StripeShaped):
    processor: StripeProcessor
    peer: stripe_peer.Peer
    client: stripe.StripeClient
    team: str
    other: str

    async def customer(self, number: int = 1) -> str:
        made = await self.processor.create_customer(CustomerId(f"cst_{number}"), key=f"customer:{number}")
        method = await self.client.v1.payment_methods.attach_async("pm_card_visa", {"customer": made})
        settings: stripe.params.CustomerUpdateParamsInvoiceSettings = {"default_payment_method": method.id}
        await self.client.v1.customers.update_async(made, {"invoice_settings": settings})
        return made

    async def buy(self, customer: str, key: str) -> Snapshot:
        bought = await self.processor.subscribe(customer, [Purchase(price_id=self.team, quantity=1)], key=key)
        held = await self.processor.fetch(bought.snapshot.processor_id)
        if bought.client_secret is not None and held is not None and held.state.status == "incomplete":
            self.peer.confirm(bought.client_secret)
            held = await self.processor.fetch(bought.snapshot.processor_id)
        assert held is not None
        return held

    async def trace(self) -> object:
        return len(self.peer.calls)

    def trouble(self, trouble: Trouble) -> None:
        faults = {
            Trouble.ERROR: stripe_peer.Fault.ERROR_BEFORE,
            Trouble.TOO_MANY: stripe_peer.Fault.TOO_MANY,
            Trouble.LOST: stripe_peer.Fault.LOST_ANSWER,
        }
        # The library tries twice more by itself, but not what came too often.
        self.peer.faults.next("*", faults[trouble], times=1 if trouble is Trouble.TOO_MANY else 3)


@dataclass
class OfBraintree:
    processor: BraintreeProcessor
    peer: braintree_peer.Peer
    team: str = "team_monthly"
    other: str = "pro_monthly"
    patience: ClassVar = timedelta(hours=24, seconds=300)

    async def customer(self, number: int = 1) -> str:
        made = await self.processor.create_customer(CustomerId(f"cst_{number}"), key=f"customer:{number}")
        self.peer.account.cards[f"token_{number}"] = braintree_peer.Card(customer=made)
        return made

    async def buy(self, customer: str, key: str) -> Snapshot:
        return (await self.processor.subscribe(customer, [Purchase(price_id=self.team, quantity=1)], key=key)).snapshot

    async def trace(self) -> object:
        return len(self.peer.heard)

    def trouble(self, trouble: Trouble) -> None:
        # A purchase looks for an earlier one and for the card first; its own request is the third.
        faults: dict[Trouble, list[int | str | bytes]] = {
            Trouble.ERROR: [500],
            Trouble.TOO_MANY: [429],
            Trouble.LOST: [0, 0, braintree_peer.Peer.LOST],
        }
        self.peer.faults = faults[trouble]

    def told(self, at: datetime, *, known: bool = True, ours: bool = True) -> tuple[bytes, str | None]:
        account = ACCOUNT if ours else braintree_peer.Account(private_key="of_somebody")
        kind = "subscription_went_active" if known else "dispute_opened"
        told = written("subject", {"subscription": subscription(id="sub_1")})
        return account.signed(kind, told, at), None

    def nonsense(self, at: datetime) -> tuple[bytes, str | None]:
        return ACCOUNT.form(b"<nonsense/>"), None


@asynccontextmanager
async def of_fake(database: Database, clock: FixedClock) -> AsyncIterator[Bench]:
    processor = FakeProcessor(database=database, clock=clock, webhook_secrets=["whsec_newer", SECRET])
    yield OfFake(processor=processor, database=database)
    await processor.aclose()


@asynccontextmanager
async def of_stripe(clock: FixedClock) -> AsyncIterator[Bench]:
    peer = stripe_peer.Peer(clock)
    async with stripe_peer.serving(peer) as url:
        http = stripe.HTTPXClient(timeout=10)
        client = stripe.StripeClient(stripe_peer.SECRET_KEY, base_addresses={"api": url}, http_client=http)
        month: stripe.params.PriceCreateParamsRecurring = {"interval": "month"}
        prices = [
            await client.v1.prices.create_async(
                {"product_data": {"name": name}, "currency": "usd", "unit_amount": amount, "recurring": month}
            )
            for name, amount in (("Team", 1000), ("Pro", 2000))
        ]
        processor = StripeProcessor(
            api_key=stripe_peer.SECRET_KEY, webhook_secrets=["whsec_newer", SECRET], clock=clock, api_base=url
        )
        yield OfStripe(processor=processor, peer=peer, client=client, team=prices[0].id, other=prices[1].id)
        await processor.aclose()
        await http.close_async()  # type: ignore[no-untyped-call]  # the library left it without types


@asynccontextmanager
async def of_braintree(clock: FixedClock) -> AsyncIterator[Bench]:
    async with braintree_peer.serving() as peer:
        peer.account.plans = {
            "team_monthly": braintree_peer.Plan(price=Decimal("10.00")),
            "pro_monthly": braintree_peer.Plan(price=Decimal("20.00")),
        }
        processor = BraintreeProcessor(**KEYS, live=False, clock=clock, api_base=peer.url)
        yield OfBraintree(processor=processor, peer=peer)
        await processor.aclose()


def able_to(*wanted: Capability) -> pytest.MarkDecorator:
    """Ask only the processors that say they are able."""
    able = [name for name, can in CAPABILITIES.items() if all(can[one] is not Label.UNSUPPORTED for one in wanted)]
    return pytest.mark.parametrize("bench", able, indirect=True)


def change(held: Snapshot, price_id: str, quantity: int = 1) -> ItemChange:
    return ItemChange(item_id=held.state.items[0].processor_id, price_id=price_id, quantity=quantity)


def order(customer: str | None, price_id: str) -> CheckoutOrder:
    return CheckoutOrder(
        customer_id=CustomerId("cst_1"),
        customer_processor_id=customer,
        items=[Purchase(price_id=price_id, quantity=1)],
        success_url="https://app.example.com/paid",
        cancel_url="https://app.example.com/pricing",
    )


async def held_by(bench: Bench, customer: str | None = None) -> list[Snapshot]:
    return [each async for each in bench.processor.list_subscriptions(customer)]

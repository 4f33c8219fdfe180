"""A peer on a fixed clock, and the official client that speaks to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import stripe

from tests.peers.stripe import PUBLISHABLE_KEY, SECRET_KEY, Peer, serving
from tests.support.clock import FixedClock

# Stripe's library hands its forms to httpx in a way that httpx is about to drop.
QUIET = "ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning"


@dataclass(slots=True, kw_only=True)
class Shop:
    """The peer, the clients of a server and of a browser, and three prices: 10 and 30 a month, 100 a year."""

    peer: Peer
    clock: FixedClock
    client: stripe.StripeClient
    browser: stripe.StripeClient
    team: str
    big: str
    yearly: str

    @property
    def v1(self) -> "stripe._v1_services.V1Services":
        return self.client.v1

    async def customer(self, card: str | None = "pm_card_visa", *, test_clock: str | None = None) -> str:
        wanted: stripe.params.CustomerCreateParams = {"email": "ann@example.com"}
        if test_clock is not None:
            wanted["test_clock"] = test_clock
        made = await self.v1.customers.create_async(wanted)
        if card is not None:
            await self.pays_with(made.id, card)
        return made.id

    async def pays_with(self, customer: str, card: str) -> str:
        method = await self.v1.payment_methods.attach_async(card, {"customer": customer})
        settings: stripe.params.CustomerUpdateParamsInvoiceSettings = {"default_payment_method": method.id}
        await self.v1.customers.update_async(customer, {"invoice_settings": settings})
        return method.id

    async def subscribe(self, customer: str, price: str | None = None, quantity: int = 1) -> stripe.Subscription:
        return await self.v1.subscriptions.create_async(
            {"customer": customer, "items": [{"price": price or self.team, "quantity": quantity}]}
        )

    async def read(self, id: str) -> stripe.Subscription:
        return await self.v1.subscriptions.retrieve_async(id)

    async def latest_invoice(self, subscription: str) -> stripe.Invoice:
        [invoice] = (await self.v1.invoices.list_async({"subscription": subscription, "limit": 1})).data
        return invoice

    def passes(self, **by: float) -> None:
        """Let time pass, and everything happen that is due by then."""
        self.clock.forward(**by)
        self.peer.settle()

    def told(self, *prefixes: str) -> list[str]:
        """The types of the events so far that begin with one of these."""
        return [event["type"] for event in self.peer.events if event["type"].startswith(prefixes)]


def item(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    [only] = subscription["items"].data
    found: stripe.SubscriptionItem = only
    return found


@asynccontextmanager
async def client_of(
    url: str, key: str = SECRET_KEY, *, patience: float = 10, retries: int = 0
) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.HTTPXClient(timeout=patience)
    yield stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=retries, http_client=http)
    await http.close_async()  # type: ignore[no-untyped-call]  # the library left it without types


@pytest.fixture
def peer(clock: FixedClock) -> Peer:
    return Peer(clock)


@pytest.fixture
async def url(peer: Peer) -> AsyncIterator[str]:
    async with serving(peer) as url:
        yield url


@pytest.fixture
async def shop(peer: Peer, clock: FixedClock, url: str) -> AsyncIterator[Shop]:
    async with client_of(url) as client, client_of(url, PUBLISHABLE_KEY) as browser:
        for id in ("prod_team", "prod_big"):
            await client.v1.products.create_async({"id": id, "name": id})
        yield Shop(
            peer=peer,
            clock=clock,
            client=client,
            browser=browser,
            team=await price(client, "prod_team", 1000, "month"),
            big=await price(client, "prod_big", 3000, "month"),
            yearly=await price(client, "prod_team", 10000, "year"),
        )


async def price(client: stripe.StripeClient, product: str, amount: int, interval: str) -> str:
    made = await client.v1.prices.create_async(
        {"product": product, "currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}}
    )
    return made.id

"""A peer on a fixed clock, and the official client that speaks to it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import stripe

from tests.peers.stripe import PUBLISHABLE_KEY, SECRET_KEY, Peer, serving
from tests.support.clock import FixedClock


@dataclass(slots=True, kw_only=True)
class Shop:
    """The peer, the client, and what is for sale: a team plan by the seat and a bigger one, both carrying features."""

    peer: Peer
    clock: FixedClock
    client: stripe.StripeClient
    browser: stripe.StripeClient
    team: str
    big: str
    yearly: str

    async def customer(self, card: str | None = "pm_card_visa", **params: str) -> str:
        made = await self.client.v1.customers.create_async({"email": "ann@example.com", **params})  # type: ignore[typeddict-item]
        if card is not None:
            await self.pays_with(made.id, card)
        return made.id

    async def pays_with(self, customer: str, card: str) -> str:
        method = await self.client.v1.payment_methods.attach_async(card, {"customer": customer})
        settings: stripe.params.CustomerUpdateParamsInvoiceSettings = {"default_payment_method": method.id}
        await self.client.v1.customers.update_async(customer, {"invoice_settings": settings})
        return method.id

    async def subscription(self, customer: str, price: str | None = None, quantity: int = 1) -> stripe.Subscription:
        return await self.client.v1.subscriptions.create_async(
            {"customer": customer, "items": [{"price": price or self.team, "quantity": quantity}]}
        )

    async def read(self, id: str) -> stripe.Subscription:
        return await self.client.v1.subscriptions.retrieve_async(id)

    def told(self, *prefixes: str) -> list[str]:
        """The types of the events so far."""
        return [event["type"] for event in self.peer.events if event["type"].startswith(prefixes or ("",))]


def client_of(url: str, key: str = SECRET_KEY, *, timeout: float = 10, retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": url},
        max_network_retries=retries,
        http_client=stripe.HTTPXClient(timeout=timeout),
    )


@pytest.fixture
def peer(clock: FixedClock) -> Peer:
    return Peer(clock)


@pytest.fixture
async def url(peer: Peer) -> AsyncIterator[str]:
    async with serving(peer) as url:
        yield url


@pytest.fixture
async def shop(peer: Peer, clock: FixedClock, url: str) -> AsyncIterator[Shop]:
    client, browser = client_of(url), client_of(url, PUBLISHABLE_KEY)
    prices = client.v1.prices
    await client.v1.products.create_async({"id": "prod_team", "name": "Team"})
    await client.v1.products.create_async({"id": "prod_big", "name": "Big"})
    month: stripe.params.PriceCreateParamsRecurring = {"interval": "month"}
    team = await prices.create_async(
        {
            "product": "prod_team",
            "currency": "usd",
            "unit_amount": 1000,
            "recurring": month,
            "lookup_key": "team_monthly",
        }
    )
    big = await prices.create_async({"product": "prod_big", "currency": "usd", "unit_amount": 3000, "recurring": month})
    yearly = await prices.create_async(
        {"product": "prod_team", "currency": "usd", "unit_amount": 10000, "recurring": {"interval": "year"}}
    )
    yield Shop(peer=peer, clock=clock, client=client, browser=browser, team=team.id, big=big.id, yearly=yearly.id)
    for each in (client, browser):
        await each._requestor._get_http_client().close_async()

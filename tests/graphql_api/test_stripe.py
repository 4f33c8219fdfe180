"""Seatgate whole, with the Stripe peer behind it: stories told through GraphQL, webhooks over HTTP, a real account."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests.peers.conftest import QUIET, client_of
from tests.peers.stripe import Mishap, Peer
from tests.peers.stripe import serving as serving_peer
from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.stripe_account import billing_through, stock

pytestmark = pytest.mark.filterwarnings(QUIET)

HOOK = "http://seatgate.example/webhooks/stripe"
RETURN = "https://acme.example/billing"
HELD = 'query($id: ID!) { entitlements(customerId: $id) { plans seats: quantity(key: "seats") } }'
STATE = "subscription { id status cancelAtPeriodEnd items { priceId quantity } }"
DRIFTS = "drifts { kind access healedAt }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Ann's organization, the application that it asks, and the peer with the client of whoever edits there."""

    api: Api
    peer: Peer
    client: stripe.StripeClient
    customer: str

    @property
    def subscription(self) -> dict[str, Any]:
        return self.peer.all("subscription")[-1]

    async def rests(self) -> None:
        """Let every webhook that is due arrive and the worker go round, until neither has anything to do."""
        await self.works()
        while await self.peer.deliver():
            await self.works()

    async def works(self) -> None:
        self.api.clock.forward(milliseconds=1)
        while await self.api.round():
            self.api.clock.forward(milliseconds=1)
        self.api.clock.forward(seconds=2)

    async def does(self, mutation: str, select: str = STATE, /, **input: object) -> Any:
        done = await self.api.do(mutation, "ann", select, **input)
        assert done["errors"] == [], done
        await self.rests()
        return done

    async def commands(self, mutation: str, select: str = STATE, /, **input: object) -> Any:
        [row] = await self.api.rows("billing_subscriptions")
        return await self.does(mutation, select, subscriptionId=row.id, **input)

    async def held(self) -> tuple[list[str], int]:
        """Say which plans the customer has, and how many seats."""
        told = (await self.api.ask(HELD, "ann", id=self.customer)).data["entitlements"]
        return told["plans"], told["seats"]

    async def page(self, price: str, quantity: int) -> str:
        made = await self.does(
            "createCheckoutSession",
            "url",
            customerId=self.customer,
            items=[{"priceId": price, "quantity": quantity}],
            successUrl=RETURN,
            cancelUrl=RETURN,
        )
        return str(made["url"])

    async def pays(self, url: str, card: str = "pm_card_visa") -> None:
        """Pay on a checkout page, as a browser does."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(url, data={"card": card})
        assert (answer.status_code, answer.headers["location"]) == (303, RETURN)

    async def buys(self, price: str = "price_team_monthly", quantity: int = 4) -> None:
        await self.pays(await self.page(price, quantity))
        await self.rests()

    async def card(self, card: str) -> None:
        """Have the renewals paid with another card."""
        account = self.subscription["customer"]
        method = await self.client.v1.payment_methods.attach_async(card, {"customer": account})
        await self.client.v1.subscriptions.update_async(self.subscription["id"], {"default_payment_method": method.id})

    async def edits(self, quantity: int) -> None:
        """Change the quantity as an operator does, at Stripe."""
        [item] = self.subscription["items"]["data"]
        self.api.clock.forward(seconds=2)
        await self.client.v1.subscriptions.update_async(
            self.subscription["id"], {"items": [{"id": item["id"], "quantity": quantity}]}
        )

    async def reconciled(self) -> list[dict[str, Any]]:
        done = await self.api.do("reconcileCustomer", "ada", DRIFTS, customerId=self.customer)
        assert done["errors"] == []
        return list(done["drifts"])

    async def passes(self, **by: float) -> None:
        self.api.clock.forward(**by)
        await self.rests()


@asynccontextmanager
async def opened(
    database_url: str, folder: Path, clock: FixedClock, *, thin: bool = False, **more: str
) -> AsyncIterator[Shop]:
    """Open Ann's shop; nothing happens by itself, the worker and the webhooks go when they are told to."""
    apis: list[Api] = []

    async def forward(request: httpx.Request) -> httpx.Response:
        headers = {name: request.headers[name] for name in ("stripe-signature", "content-type")}
        return await apis[0].client.post(request.url, content=request.content, headers=headers)

    peer = Peer(clock, client=httpx.AsyncClient(transport=httpx.MockTransport(forward)))
    stock(peer)
    secret = peer.listen(HOOK, thin=thin)
    async with serving_peer(peer) as url, client_of(url) as client:
        settings = billing_through(url, secret, **more)
        async with serving(database_url, folder, clock, settings) as api:
            apis.append(api)
            organization = await api.organization()
            yield Shop(api=api, peer=peer, client=client, customer=organization["customer"]["id"])


Open = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opens(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> Open:
    return partial(opened, sqlite.fresh(tmp_path), tmp_path, clock)


@pytest.fixture
async def shop(opens: Open) -> AsyncIterator[Shop]:
    async with opens() as shop:
        yield shop


async def test_access_is_live_before_any_webhook_about_the_subscription(shop: Shop) -> None:
    for type in ("customer.subscription.created", "customer.subscription.updated", "invoice.*"):
        shop.peer.faults.next_webhook(Mishap.DELAY, type=type, times=2)
    url = await shop.page("price_team_monthly", 4)
    before = await shop.held()

    await shop.pays(url)
    await shop.peer.deliver()
    await shop.works()

    types = {row.type for row in await shop.api.rows("webhook_events")}
    assert "checkout.session.completed" in types
    assert not [type for type in types if type.startswith("customer.subscription")]
    assert (before, await shop.held()) == (([], 1), (["team"], 4))


async def test_a_year_of_a_customer_gives_the_right_access_at_every_step(shop: Shop) -> None:
    await shop.buys("price_pro_monthly", 1)
    assert await shop.held() == (["pro"], 3)

    swap = {"priceId": "price_team_monthly", "quantity": 4, "proration": "ALWAYS_INVOICE"}
    told = await shop.commands("previewPlanChange", "preview { amountDue plansGained plansLost }", **swap)
    await shop.commands("swapPlan", **swap)
    assert await shop.held() == (["team"], 4)
    assert told["preview"]["amountDue"] == str(shop.peer.all("invoice")[-1]["amount_paid"])
    await shop.commands("updateSubscriptionQuantity", quantity=6)
    assert await shop.held() == (["team"], 6)

    await shop.card("pm_card_chargeCustomerFail")
    await shop.passes(days=31)
    assert (shop.subscription["status"], await shop.held()) == ("past_due", (["team"], 6))
    await shop.passes(days=8)
    assert (shop.subscription["status"], await shop.held()) == ("past_due", ([], 1))
    await shop.card("pm_card_visa")
    await shop.client.v1.invoices.pay_async(shop.peer.all("invoice")[-1]["id"])
    await shop.rests()
    assert (shop.subscription["status"], await shop.held()) == ("active", (["team"], 6))

    ending = await shop.commands("cancelSubscription")
    assert ending["subscription"]["cancelAtPeriodEnd"] is True
    staying = await shop.commands("resumeSubscription")
    assert staying["subscription"]["cancelAtPeriodEnd"] is False
    await shop.passes(days=31)
    assert await shop.held() == (["team"], 6)
    await shop.commands("cancelSubscription")
    await shop.passes(days=31)
    assert (shop.subscription["status"], await shop.held()) == ("canceled", ([], 1))
    assert await shop.reconciled() == []


async def test_webhooks_twice_and_in_disorder_change_nothing_and_what_is_lost_is_healed_once(shop: Shop) -> None:
    await shop.buys()
    for mishap in (Mishap.DUPLICATE, Mishap.REORDER):
        shop.peer.faults.next_webhook(mishap, type="customer.subscription.updated")
    await shop.edits(5)
    await shop.edits(6)
    await shop.edits(7)
    await shop.rests()
    assert await shop.held() == (["team"], 7)

    shop.peer.faults.next_webhook(Mishap.DROP, times=20)
    await shop.edits(9)
    await shop.peer.deliver()
    lost = await shop.held()
    first, second = await shop.reconciled(), await shop.reconciled()

    assert lost == (["team"], 7)
    assert [(drift["kind"], drift["access"], drift["healedAt"] is None) for drift in first] == [
        ("MISSED_EVENT", "WRONGLY_WITHHELD", False)
    ]
    assert second == []
    assert await shop.held() == (["team"], 9)


async def test_thin_events_are_as_good(opens: Open) -> None:
    async with opens(thin=True) as shop:
        await shop.buys()
        bought = await shop.held()
        await shop.edits(6)
        await shop.rests()
        more = await shop.held()
        await shop.client.v1.subscriptions.cancel_async(shop.subscription["id"])
        await shop.rests()

        assert [bought, more, await shop.held()] == [(["team"], 4), (["team"], 6), ([], 1)]
        assert {row.type.split(".")[0] for row in await shop.api.rows("webhook_events")} == {"v1"}


async def test_a_customer_who_is_deleted_at_stripe_has_nothing_more(shop: Shop) -> None:
    await shop.buys()
    shop.peer.faults.next_webhook(Mishap.DROP, type="customer.subscription.deleted")
    before = await shop.held()

    await shop.client.v1.customers.delete_async(shop.subscription["customer"])
    await shop.rests()

    assert (before, await shop.held()) == ((["team"], 4), ([], 1))


async def test_a_customer_whose_deletion_is_told_in_a_thin_event_has_nothing_more(opens: Open) -> None:
    async with opens(thin=True) as shop:
        await shop.buys()
        shop.peer.faults.next_webhook(Mishap.DROP, type="customer.subscription.deleted")
        before = await shop.held()

        await shop.client.v1.customers.delete_async(shop.subscription["customer"])
        await shop.rests()

        assert (before, await shop.held()) == ((["team"], 4), ([], 1))


async def test_what_stripe_itself_grants_is_observed_and_decides_nothing(opens: Open) -> None:
    async with opens(STRIPE_NATIVE_SYNC="advisory") as shop:
        feature = await shop.client.v1.entitlements.features.create_async({"name": "Space", "lookup_key": "space"})
        [product] = shop.peer.all("product")
        await shop.client.v1.products.features.create_async(product["id"], {"entitlement_feature": feature.id})

        await shop.buys()
        granted = [[key for _, key in row.features] for row in await shop.api.rows("entitlement_summaries")]
        held = await shop.held()
        asked = 'query($id: ID!) { entitlements(customerId: $id) { entitled(feature: "space") } }'
        answer = await shop.api.ask(asked, "ann", id=shop.customer)
        await shop.client.v1.subscriptions.cancel_async(shop.subscription["id"])
        await shop.rests()

        assert (granted, held) == ([["space"]], (["team"], 4))
        assert answer.data["entitlements"]["entitled"] is False
        assert [row.features for row in await shop.api.rows("entitlement_summaries")] == [[]]

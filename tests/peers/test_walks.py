"""Whatever is done to the peer, in whatever order: its log tells the present, and its money adds up."""

import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest
import stripe

from tests.peers import annotations
from tests.peers.conftest import QUIET, Shop
from tests.peers.stripe import Document, Refusal
from tests.peers.stripe.account import told

pytestmark = pytest.mark.filterwarnings(QUIET)

CARDS = (*["pm_card_visa"] * 3, "pm_card_chargeCustomerFail", "pm_card_threeDSecure2Required")
STEPS = 100


class Walk:
    """Random deeds of a shop and its customers; the same seed does the same."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.chance = random.Random(seed)

    async def step(self) -> None:
        deeds: list[Callable[[], Awaitable[object]]] = [
            *[self.buy, self.wait] * 2,
            *[self.change] * 8,
            *[self.card, self.hold, self.pay, self.stay] * 2,
            self.leave,
            self.cancel,
            self.pause,
            self.resume,
        ]
        # What is refused is part of the walk: it must leave nothing behind.
        with contextlib.suppress(stripe.InvalidRequestError, stripe.CardError, Refusal):
            await self.chance.choice(deeds)()

    def some(self, kind: str) -> str:
        known = [document["id"] for document in self.shop.peer.all(kind)]
        return str(self.chance.choice(known or ["none"]))

    async def buy(self) -> None:
        behavior = self.chance.choice([*["allow_incomplete"] * 3, "default_incomplete", "error_if_incomplete"])
        wanted: stripe.params.SubscriptionCreateParams = {
            "customer": self.some("customer"),
            "items": [{"price": self.shop.team, "quantity": self.chance.randint(0, 9)}],
            "payment_behavior": behavior,
            "cancel_at_period_end": self.chance.random() < 0.2,
        }
        if self.chance.random() < 0.3:
            wanted["trial_period_days"] = self.chance.randint(1, 30)
        await self.shop.v1.subscriptions.create_async(wanted)

    async def change(self) -> None:
        subscription = await self.shop.read(self.some("subscription"))
        prices = [self.shop.team, self.shop.big, self.shop.yearly]
        wanted: stripe.params.SubscriptionUpdateParams = {
            "items": [
                {
                    "id": subscription["items"].data[0].id,
                    "price": self.chance.choice(prices),
                    "quantity": self.chance.randint(0, 9),
                }
            ],
            "proration_behavior": self.chance.choice(["always_invoice", "create_prorations", "none"]),
            "payment_behavior": self.chance.choice(
                ["allow_incomplete", "error_if_incomplete", "pending_if_incomplete"]
            ),
        }
        await self.shop.v1.subscriptions.update_async(subscription.id, wanted)

    async def wait(self) -> None:
        self.shop.passes(hours=self.chance.choice([1, 23, 24 * 3, 24 * 7, 24 * 31]))

    async def card(self) -> None:
        await self.shop.pays_with(self.some("customer"), self.chance.choice(CARDS))

    async def leave(self) -> None:
        await self.shop.v1.subscriptions.update_async(self.some("subscription"), {"cancel_at_period_end": True})

    async def stay(self) -> None:
        await self.shop.v1.subscriptions.update_async(self.some("subscription"), {"cancel_at_period_end": False})

    async def hold(self) -> None:
        behavior = self.chance.choice(["void", "keep_as_draft", "mark_uncollectible"])
        held: stripe.params.SubscriptionUpdateParams = {"pause_collection": {"behavior": behavior}}
        await self.shop.v1.subscriptions.update_async(
            self.some("subscription"), held if self.chance.random() < 0.5 else {"pause_collection": ""}
        )

    async def pay(self) -> None:
        if self.chance.random() < 0.5:
            await self.shop.v1.invoices.pay_async(self.some("invoice"))
        else:
            self.shop.peer.confirm(f"{self.some('payment_intent')}_secret_peer", card=self.chance.choice(CARDS))

    async def cancel(self) -> None:
        await self.shop.v1.subscriptions.cancel_async(
            self.some("subscription"),
            {"prorate": self.chance.random() < 0.5, "invoice_now": self.chance.random() < 0.5},
        )

    async def pause(self) -> None:
        await self.shop.v1.subscriptions.pause_async(self.some("subscription"))

    async def resume(self) -> None:
        await self.shop.v1.subscriptions.resume_async(self.some("subscription"))


@pytest.mark.parametrize("seed", range(2))
async def test_the_log_tells_the_present_and_the_money_adds_up(shop: Shop, seed: int) -> None:
    walk, peer = Walk(shop, seed), shop.peer
    for _ in range(3):
        await shop.customer()
    for _ in range(STEPS):
        await walk.step()

    for kind in ("subscription", "customer"):
        assert {each["id"]: told(each) for each in peer.all(kind)} == last_told(peer.events, kind)
    for invoice in peer.all("invoice"):
        assert invoice["amount_due"] == invoice["amount_paid"] + invoice["amount_remaining"]
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
    for customer in peer.all("customer"):
        settled = [each for each in peer.all("invoice") if each["customer"] == customer["id"] and each["number"]]
        assert customer["balance"] == sum(each["total"] - each["amount_due"] for each in settled)
    assert {fault for event in peer.events for fault in annotations.faults(event["data"]["object"])} == set()
    assert len(peer.events) > STEPS / 2


def last_told(events: list[Document], kind: str) -> dict[str, Document]:
    carried = [event["data"]["object"] for event in events]
    return {each["id"]: each for each in carried if each["object"] == kind}

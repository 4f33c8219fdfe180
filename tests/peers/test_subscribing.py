"""Buying on the peer: cards, first payments, trials, and what is refused."""

import pytest
import stripe

from tests.peers.conftest import QUIET, Shop, item
from tests.peers.stripe import Refusal

pytestmark = pytest.mark.filterwarnings(QUIET)

INCOMPLETE: stripe.params.SubscriptionCreateParams = {
    "customer": "",
    "items": [],
    "payment_behavior": "default_incomplete",
    "payment_settings": {"save_default_payment_method": "on_subscription"},
    "expand": ["latest_invoice.confirmation_secret"],
}


def secret_of(subscription: stripe.Subscription) -> str:
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert invoice.confirmation_secret is not None
    return invoice.confirmation_secret.client_secret


async def awaiting(shop: Shop) -> tuple[stripe.Subscription, str]:
    customer = await shop.customer(None)
    made = await shop.v1.subscriptions.create_async(
        {**INCOMPLETE, "customer": customer, "items": [{"price": shop.team, "quantity": 7}]}
    )
    return made, secret_of(made)


async def test_a_good_card_makes_an_active_subscription_and_a_paid_invoice(shop: Shop) -> None:
    made = await shop.subscribe(await shop.customer(), quantity=7)

    invoice = await shop.latest_invoice(made.id)
    only = item(made)
    assert (made.status, only.quantity, only.price.id) == ("active", 7, shop.team)
    assert only.current_period_end - only.current_period_start == 30 * 86_400
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 7000, "subscription_create")
    assert shop.told("customer.subscription") == ["customer.subscription.created"]
    assert "invoice.paid" in shop.told("invoice")


async def test_without_a_card_nothing_is_made(shop: Shop) -> None:
    customer = await shop.customer(None)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.subscribe(customer)

    assert refused.value.code == "resource_missing"
    assert (shop.peer.all("subscription"), shop.peer.all("invoice")) == ([], [])


async def test_a_declined_first_payment_leaves_it_incomplete_until_it_expires(shop: Shop) -> None:
    made = await shop.subscribe(await shop.customer("pm_card_chargeCustomerFail"))

    shop.passes(hours=22)
    waiting = await shop.read(made.id)
    shop.passes(hours=1)
    expired = await shop.read(made.id)

    assert (made.status, waiting.status, expired.status) == ("incomplete", "incomplete", "incomplete_expired")
    assert (await shop.latest_invoice(made.id)).status == "void"
    assert shop.told("customer.subscription") == ["customer.subscription.created", "customer.subscription.updated"]


async def test_a_purchase_that_must_not_stay_incomplete_leaves_nothing_behind(shop: Shop) -> None:
    customer = await shop.customer("pm_card_chargeCustomerFail")
    before = len(shop.peer.events)

    with pytest.raises(stripe.CardError) as refused:
        await shop.v1.subscriptions.create_async(
            {"customer": customer, "items": [{"price": shop.team}], "payment_behavior": "error_if_incomplete"}
        )

    assert (refused.value.code, refused.value.http_status) == ("card_declined", 402)
    assert (shop.peer.all("subscription"), shop.peer.all("invoice")) == ([], [])
    assert len(shop.peer.events) == before


async def test_a_browser_confirms_the_first_payment_with_the_client_secret(shop: Shop) -> None:
    made, secret = await awaiting(shop)

    paid = await shop.browser.v1.payment_intents.confirm_async(
        secret.split("_secret")[0],
        {"payment_method": "pm_card_visa", "client_secret": secret},  # type: ignore[arg-type]  # a browser's alone
    )

    confirmed = await shop.read(made.id)
    assert (made.status, paid.status, confirmed.status) == ("incomplete", "succeeded", "active")
    assert confirmed.default_payment_method == paid.payment_method
    assert shop.peer.events[-1]["data"]["previous_attributes"]["status"] == "incomplete"


async def test_a_declined_card_at_the_browser_can_be_followed_by_a_good_one(shop: Shop) -> None:
    made, secret = await awaiting(shop)

    with pytest.raises(Refusal):
        shop.peer.confirm(secret, card="pm_card_chargeCustomerFail")
    declined = await shop.read(made.id)
    shop.peer.confirm(secret)

    assert declined.status == "incomplete"
    assert (await shop.read(made.id)).status == "active"
    assert "invoice.payment_failed" in shop.told("invoice")


async def test_a_card_that_wants_its_owner_waits_for_the_bank(shop: Shop) -> None:
    made, secret = await awaiting(shop)

    intent = shop.peer.confirm(secret, card="pm_card_threeDSecure2Required")
    waiting = (await shop.read(made.id)).status
    shop.peer.authenticate(intent["id"])

    assert (waiting, (await shop.read(made.id)).status) == ("incomplete", "active")
    assert "invoice.payment_action_required" in shop.told("invoice")


async def test_a_card_that_its_bank_refuses_is_not_attached(shop: Shop) -> None:
    customer = await shop.customer(None)

    with pytest.raises(stripe.CardError) as refused:
        await shop.pays_with(customer, "pm_card_chargeDeclined")

    assert refused.value.code == "card_declined"
    assert shop.peer.all("payment_method") == []


async def test_a_trial_costs_nothing_is_announced_and_ends_in_a_paid_period(shop: Shop) -> None:
    made = await shop.v1.subscriptions.create_async(
        {"customer": await shop.customer(), "items": [{"price": shop.team}], "trial_period_days": 14}
    )
    assert made.trial_end is not None

    shop.passes(days=12)
    announced = shop.told("customer.subscription.trial_will_end")
    shop.passes(days=2, hours=2)

    after = await shop.read(made.id)
    assert (made.status, item(made).current_period_end) == ("trialing", made.trial_end)
    assert announced == ["customer.subscription.trial_will_end"]
    assert (after.status, item(after).current_period_start) == ("active", made.trial_end)
    assert (await shop.latest_invoice(made.id)).amount_paid == 1000


@pytest.mark.parametrize(
    ("ends", "then"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
async def test_a_trial_without_a_card_ends_as_it_was_agreed(shop: Shop, ends: str, then: str) -> None:
    made = await shop.v1.subscriptions.create_async(
        {
            "customer": await shop.customer(None),
            "items": [{"price": shop.team}],
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": ends}},
        }
    )

    shop.passes(days=7, hours=2)

    after = await shop.read(made.id)
    assert after.status == then
    if then == "paused":
        assert after.status_details is not None
        assert after.status_details.paused.subscription.type == "trial_end_without_payment_method"


async def test_a_subscription_shows_ten_items_and_lists_the_rest(shop: Shop) -> None:
    products = [await shop.v1.products.create_async({"name": f"Part {number}"}) for number in range(12)]
    prices = [
        await shop.v1.prices.create_async(
            {"product": each.id, "currency": "usd", "unit_amount": 100, "recurring": {"interval": "month"}}
        )
        for each in products
    ]

    made = await shop.v1.subscriptions.create_async(
        {"customer": await shop.customer(), "items": [{"price": each.id} for each in prices]}
    )
    listed = await shop.v1.subscription_items.list_async({"subscription": made.id, "limit": 7})

    assert (len(made["items"].data), made["items"].has_more) == (10, True)
    assert [each.price.id async for each in listed.auto_paging_iter()] == [each.id for each in prices]

"""The peer's pages as a browser sees them, and what a product lets its customers use."""

import httpx
import pytest
import stripe

from tests.peers.conftest import QUIET, Shop
from tests.peers.stripe import Refusal

pytestmark = pytest.mark.filterwarnings(QUIET)


async def checkout(shop: Shop, customer: str | None = None) -> stripe.checkout.Session:
    wanted: stripe.params.checkout.SessionCreateParams = {
        "mode": "subscription",
        "line_items": [{"price": shop.team, "quantity": 3}],
        "success_url": "https://shop.example.com/thanks",
        "cancel_url": "https://shop.example.com/",
        "client_reference_id": "cst_1",
        "metadata": {"customer_id": "cst_1"},
    }
    if customer is not None:
        wanted["customer"] = customer
    return await shop.v1.checkout.sessions.create_async(wanted)


async def test_paying_on_the_page_makes_the_customer_and_the_subscription(shop: Shop) -> None:
    made = await checkout(shop)
    assert made.url is not None

    async with httpx.AsyncClient() as browser:
        sent_back = await browser.post(made.url, data={"card": "pm_card_visa", "email": "bob@example.com"})

    after = await shop.v1.checkout.sessions.retrieve_async(made.id, {"expand": ["subscription", "customer"]})
    assert (sent_back.status_code, sent_back.headers["location"]) == (303, "https://shop.example.com/thanks")
    assert (made.status, made.payment_status, after.status, after.payment_status) == (
        "open",
        "unpaid",
        "complete",
        "paid",
    )
    assert isinstance(after.subscription, stripe.Subscription)
    assert isinstance(after.customer, stripe.Customer)
    assert (after.subscription.status, after.customer.email) == ("active", "bob@example.com")
    assert after.subscription.default_payment_method is not None
    [completed] = [event for event in shop.peer.events if event["type"] == "checkout.session.completed"]
    assert completed["data"]["object"]["client_reference_id"] == "cst_1"


async def test_a_declined_card_leaves_the_page_open_and_nothing_else(shop: Shop) -> None:
    customer = await shop.customer(None)
    made, events = await checkout(shop, customer), len(shop.peer.events)

    with pytest.raises(Refusal):
        shop.peer.complete_checkout(made.id, card="pm_card_chargeCustomerFail")

    assert (await shop.v1.checkout.sessions.retrieve_async(made.id)).status == "open"
    assert (shop.peer.all("subscription"), shop.peer.all("payment_method"), len(shop.peer.events)) == ([], [], events)
    assert shop.peer.complete_checkout(made.id)["customer"] == customer


async def test_a_page_closes_by_hand_or_after_a_day_and_cannot_be_paid_on_then(shop: Shop) -> None:
    by_hand, by_itself = await checkout(shop), await checkout(shop)

    await shop.v1.checkout.sessions.expire_async(by_hand.id)
    shop.passes(days=1)

    for each in (by_hand, by_itself):
        assert (await shop.v1.checkout.sessions.retrieve_async(each.id)).status == "expired"
        with pytest.raises(Refusal):
            shop.peer.complete_checkout(each.id)
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.checkout.sessions.expire_async(by_hand.id)
    assert shop.peer.all("subscription") == []


async def test_the_portal_is_for_customers_that_are_known(shop: Shop) -> None:
    sessions = shop.v1.billing_portal.sessions

    made = await sessions.create_async({"customer": await shop.customer(), "return_url": "https://shop.example.com/"})

    assert made.url.endswith(made.id)
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await sessions.create_async({"customer": "cus_none"})
    assert (unknown.value.code, unknown.value.param) == ("resource_missing", "customer")


async def features(shop: Shop, count: int) -> list[str]:
    keys = [f"feature_{number:02d}" for number in range(count)]
    for key in keys:
        feature = await shop.v1.entitlements.features.create_async({"lookup_key": key, "name": key})
        await shop.v1.products.features.create_async("prod_team", {"entitlement_feature": feature.id})
    return keys


async def entitled(shop: Shop, customer: str) -> list[str]:
    page = await shop.v1.entitlements.active_entitlements.list_async({"customer": customer, "limit": 5})
    return [held.lookup_key async for held in page.auto_paging_iter()]


async def test_a_live_subscription_entitles_to_its_products_features_page_by_page(shop: Shop) -> None:
    keys, customer = await features(shop, 12), await shop.customer()
    before = await entitled(shop, customer)

    made = await shop.subscribe(customer)
    during = await entitled(shop, customer)
    await shop.v1.subscriptions.cancel_async(made.id)

    assert (before, during, await entitled(shop, customer)) == ([], keys, [])
    given, taken = [
        event["data"]["object"]["entitlements"]
        for event in shop.peer.events
        if event["type"] == "entitlements.active_entitlement_summary.updated"
    ]
    assert (len(given["data"]), given["has_more"], taken["data"]) == (10, True, [])


async def test_a_feature_given_to_a_product_reaches_those_who_have_it_already(shop: Shop) -> None:
    customer, nobody = await shop.customer(), await shop.customer()
    await shop.subscribe(customer)

    [key] = await features(shop, 1)
    [carried] = (await shop.v1.products.features.list_async("prod_team")).data
    given = await entitled(shop, customer), await entitled(shop, nobody)
    await shop.v1.products.features.delete_async("prod_team", carried.id)

    assert (given, await entitled(shop, customer)) == (([key], []), [])


async def test_a_deleted_customer_is_only_known_to_be_deleted_and_its_subscriptions_have_ended(shop: Shop) -> None:
    customer = await shop.customer()
    made = await shop.subscribe(customer)

    await shop.v1.customers.delete_async(customer)

    gone = await shop.v1.customers.retrieve_async(customer)
    assert (gone.to_dict(), (await shop.read(made.id)).status) == (
        {"id": customer, "object": "customer", "deleted": True},
        "canceled",
    )
    assert shop.peer.events[-1]["data"]["object"]["email"] == "ann@example.com"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.subscribe(customer)

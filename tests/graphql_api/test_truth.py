"""The true objects of a proof, as Stripe's own library reads them."""

import time
from collections.abc import AsyncIterator

import pytest
import stripe

from domain.proofs.webhooks import Plan, Truth
from graphql_api.cli.truth import api
from tests.support.listening import listening

PLAN = Plan(tag="t", stories=6, seed=2, customers=("cus_1", "cus_2"))


@pytest.fixture
def truth() -> Truth:
    now = time.time_ns() // 1_000_000
    truth = Truth(now=lambda: now)
    # Everything has happened.
    truth.learn(walk.story for walk in PLAN.walks(now - 10_000))
    return truth


@pytest.fixture
async def client(truth: Truth) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.HTTPXClient(timeout=10)
    with listening(api(truth)) as address:
        yield stripe.StripeClient("sk_test_any", base_addresses={"api": address}, http_client=http)
        await http.close_async()  # type: ignore[no-untyped-call]  # the library left it without types


async def test_a_subscription_is_as_it_is_now(client: stripe.StripeClient, truth: Truth) -> None:
    for known in truth.subscriptions():
        read = await client.v1.subscriptions.retrieve_async(known["id"])

        assert read.to_dict() == known


async def test_what_is_not_known_is_missing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.subscriptions.retrieve_async("sub_nobody")

    assert refused.value.code == "resource_missing"


async def test_lists_have_pages_and_leave_canceled_ones_out_unless_all_are_asked_for(
    client: stripe.StripeClient, truth: Truth
) -> None:
    everything = truth.subscriptions()
    canceled = [one["id"] for one in everything if one["status"] == "canceled"]

    every = await client.v1.subscriptions.list_async({"status": "all", "limit": 2})
    living = await client.v1.subscriptions.list_async({"limit": 100})
    dead = await client.v1.subscriptions.list_async({"status": "canceled", "limit": 100})
    firsts = await client.v1.subscriptions.list_async({"status": "all", "customer": "cus_1"})

    assert [one.id async for one in every.auto_paging_iter()] == [one["id"] for one in everything]
    assert canceled
    assert {one.id for one in living} == {one["id"] for one in everything} - set(canceled)
    assert {one.id for one in dead} == set(canceled)
    assert {one.customer for one in firsts} == {"cus_1"}


async def test_items_and_events_are_listed(client: stripe.StripeClient, truth: Truth) -> None:
    known = truth.subscriptions()[0]
    notices = truth.notices()
    since = notices[5].second

    items = await client.v1.subscription_items.list_async({"subscription": known["id"]})
    recent = await client.v1.events.list_async({"created": {"gte": since}, "limit": 100})
    created = await client.v1.events.list_async({"types": ["customer.subscription.created"], "limit": 100})

    assert [one.to_dict() for one in items] == known["items"]["data"]
    assert [one.id for one in recent] == [one.id for one in notices if one.second >= since]
    assert {one.type for one in created} == {"customer.subscription.created"}
    newest = await client.v1.events.retrieve_async(notices[0].id)
    assert newest.to_dict() == notices[0].event

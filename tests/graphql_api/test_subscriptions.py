"""Buying and cancelling over HTTP, with the Fake behind it, and the subscriptions of a customer."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import text

from domain.billing import Processor, ProcessorName
from domain.billing.intents import Operation, Order, open_intent
from domain.billing.processors import ProcessorUnavailable, Purchase, Subscribed
from domain.billing.processors.fake import FakeProcessor
from domain.ids import CustomerId
from domain.scope import system
from tests.graphql_api.conftest import Serve
from tests.support.api import WEBHOOK_SECRET, Api
from tests.support.api import user_error as error

NOW = "2026-11-21T12:00:00.000000Z"
PERIOD_END = "2026-12-21T12:00:00.000000Z"
TEAM = {"priceId": "price_team_monthly", "quantity": 3}
WHOLE = """subscription { processor livemode status entitling base cancelAt cancelAtPeriodEnd endedAt trialEnd
    pastDueSince graceEnd currentPeriodStart currentPeriodEnd pauseCollection { behavior resumesAt }
    items { priceId quantity plan { name } currentPeriodStart currentPeriodEnd } customer { id } }"""


async def bought(api: Api) -> dict[str, Any]:
    """Let ann's organization buy three seats, and give the organization with its subscription's id."""
    organization = await api.organization()
    made = await api.do(
        "subscribe", "ann", "subscription { id }", customerId=organization["customer"]["id"], items=[TEAM]
    )
    await api.settled()
    return organization | {"subscription": made["subscription"]["id"]}


async def test_what_is_bought_is_active_and_gives_its_seats(either: Api) -> None:
    organization = await either.organization()
    customer = organization["customer"]["id"]

    made = await either.do("subscribe", "ann", f"{WHOLE} clientSecret", customerId=customer, items=[TEAM])

    assert made == {
        "subscription": {
            "processor": "FAKE",
            "livemode": False,
            "status": "ACTIVE",
            "entitling": True,
            "base": True,
            "cancelAt": None,
            "cancelAtPeriodEnd": False,
            "endedAt": None,
            "trialEnd": None,
            "pastDueSince": None,
            "graceEnd": None,
            "currentPeriodStart": NOW,
            "currentPeriodEnd": PERIOD_END,
            "pauseCollection": None,
            "items": [
                {
                    "priceId": "price_team_monthly",
                    "quantity": 3,
                    "plan": {"name": "team"},
                    "currentPeriodStart": NOW,
                    "currentPeriodEnd": PERIOD_END,
                }
            ],
            "customer": {"id": customer},
        },
        "clientSecret": None,
        "errors": [],
    }
    seats = await either.ask('{ organization(slug: "acme") { seats { limit available } } }')
    assert seats.data["organization"]["seats"] == {"limit": 3, "available": 2}
    await either.settled()
    assert "subscription.subscribe" in [row.action for row in await either.rows("audit_events")]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, ("ACTIVE", PERIOD_END, True, None)),
        ({"atPeriodEnd": False}, ("CANCELED", None, False, "2026-11-21T12:01:00.000000Z")),
        ({"at": "2026-12-01T02:00:00+02:00"}, ("ACTIVE", "2026-12-01T00:00:00.000000Z", False, None)),
    ],
)
async def test_a_subscription_ends_when_it_is_told_to(
    either: Api, how: dict[str, object], expected: tuple[object, ...]
) -> None:
    subscription = (await bought(either))["subscription"]
    either.clock.forward(minutes=1)

    ended = await either.do(
        "cancelSubscription",
        "ann",
        "subscription { status cancelAt cancelAtPeriodEnd endedAt }",
        subscriptionId=subscription,
        **how,
    )

    names = ("status", "cancelAt", "cancelAtPeriodEnd", "endedAt")
    assert ended == {"subscription": dict(zip(names, expected, strict=True)), "errors": []}
    await either.settled()
    assert "subscription.cancel" in [row.action for row in await either.rows("audit_events")]


async def refused(api: Api, mutation: str, select: str = "", /, **input: object) -> dict[str, Any]:
    before = await api.everything()
    payload = await api.do(mutation, "ann", select, **input)
    assert await api.everything() == before
    assert payload.get("subscription") is None
    (found,) = payload["errors"]
    content: dict[str, Any] = found
    return content


ITEMS = ("input", "items")
ONCE = error("InvalidInput", "INVALID_INPUT", "Each price stands once.", *ITEMS)
BASE = error("InvalidInput", "INVALID_INPUT", "At most one base plan can be bought at a time.", *ITEMS)
MANY = error("InvalidInput", "INVALID_INPUT", "Buy 1 to 20 items.", *ITEMS)
LEAST = error("InvalidInput", "INVALID_INPUT", "A quantity is at least 1.", *ITEMS, "0", "quantity")
UNKNOWN = error("InvalidInput", "INVALID_INPUT", "There is no such price.", *ITEMS, "0", "priceId")


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], MANY),
        ([TEAM] * 21, MANY),
        ([TEAM, TEAM], ONCE),
        ([TEAM, {"priceId": "price_basic"}], BASE),
        ([{"priceId": "price_of_nobody"}], UNKNOWN),
        ([{"priceId": ""}], UNKNOWN),
        ([TEAM | {"quantity": 0}], LEAST),
        ([TEAM | {"quantity": -1}], LEAST),
    ],
)
async def test_what_cannot_be_bought_is_refused_and_leaves_nothing(
    api: Api, items: list[dict[str, object]], expected: dict[str, Any]
) -> None:
    customer = (await api.organization())["customer"]["id"]

    assert await refused(api, "subscribe", customerId=customer, items=items) == expected


async def test_a_second_base_plan_is_refused_with_the_live_subscription(either: Api) -> None:
    organization = await bought(either)
    facts = "errors { ... on AlreadySubscribedError { subscription { id } } }"

    found = await refused(either, "subscribe", facts, customerId=organization["customer"]["id"], items=[TEAM])

    message = "This customer already has a live subscription."
    expected = error("AlreadySubscribed", "ALREADY_SUBSCRIBED", message)
    assert found == expected | {"subscription": {"id": organization["subscription"]}}


async def test_a_purchase_that_is_under_way_keeps_a_second_one_out(api: Api) -> None:
    customer = (await api.organization())["customer"]["id"]
    order = Order(
        operation=Operation.SUBSCRIBE,
        customer_id=CustomerId(customer),
        processor=ProcessorName.FAKE,
        request={},
        processor_time=api.clock.now(),
    )
    async with api.services.database.transaction() as session:
        await open_intent(session, order, key="open", scope=system("test"), now=api.clock.now())
    facts = "errors { ... on AlreadySubscribedError { subscription { id } } }"

    found = await refused(api, "subscribe", facts, customerId=customer, items=[TEAM])

    message = "A purchase for this customer is under way."
    assert found == error("AlreadySubscribed", "ALREADY_SUBSCRIBED", message) | {"subscription": None}


async def test_an_add_on_may_be_bought_beside_a_base_plan(api: Api) -> None:
    organization = await bought(api)
    pack = {"priceId": "price_seat_pack", "quantity": 2}

    made = await api.do(
        "subscribe", "ann", "subscription { base }", customerId=organization["customer"]["id"], items=[pack]
    )
    seats = await api.ask('{ organization(slug: "acme") { seats { limit } } }')

    assert made == {"subscription": {"base": False}, "errors": []}
    assert seats.data["organization"]["seats"] == {"limit": 13}


async def test_what_has_ended_cannot_be_cancelled(api: Api) -> None:
    subscription = (await bought(api))["subscription"]
    await api.do("cancelSubscription", "ann", subscriptionId=subscription, atPeriodEnd=False)
    await api.settled()
    facts = "errors { ... on SubscriptionStateError { status } }"

    found = await refused(api, "cancelSubscription", facts, subscriptionId=subscription)

    expected = error("SubscriptionState", "SUBSCRIPTION_STATE", "This subscription has ended.")
    assert found == expected | {"status": "CANCELED"}


async def test_an_instant_that_has_passed_ends_nothing(api: Api) -> None:
    subscription = (await bought(api))["subscription"]
    past = (api.clock.now() - timedelta(seconds=1)).isoformat()

    found = await refused(api, "cancelSubscription", subscriptionId=subscription, at=past)

    assert found == error("InvalidInput", "INVALID_INPUT", "This instant has passed.", "input", "at")


@pytest.mark.parametrize(
    "at", ["tomorrow", "2026-12-01T00:00:00", "", 5, "2026-13-01T00:00:00Z", "9999-12-31T23:59:59-23:59"]
)
async def test_an_instant_that_cannot_be_is_bad_input(api: Api, at: object) -> None:
    answer = await api.try_to("cancelSubscription", "ann", subscriptionId="bsb_x", at=at)

    assert (answer.response.status_code, answer.codes) == (400, ["BAD_USER_INPUT"])


async def test_a_processor_that_is_not_configured_cancels_nothing(api: Api) -> None:
    subscription = (await bought(api))["subscription"]
    async with api.services.database.transaction() as session:
        await session.execute(text("UPDATE billing_subscriptions SET processor = 'stripe'"))
    facts = "errors { ... on UnsupportedError { processor capability } }"

    found = await refused(api, "cancelSubscription", facts, subscriptionId=subscription)

    expected = error("Unsupported", "UNSUPPORTED", "This processor cannot do that.")
    assert found == expected | {"processor": "STRIPE", "capability": "subscription.cancel_at_period_end"}


class Silent(FakeProcessor):
    """Does not answer while told not to."""

    silent = True

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        if self.silent:
            raise ProcessorUnavailable
        return await super().subscribe(customer_processor_id, items, key=key)


async def test_a_silent_processor_is_named_as_such_and_the_worker_finishes_the_purchase(serve: Serve) -> None:
    facts = "subscription { id } errors { ... on UpstreamUnavailableError { retryAfterSeconds } }"

    async with serve(worker=True) as api:
        customer = (await api.organization())["customer"]["id"]
        processors = cast("dict[ProcessorName, Processor]", api.services.processors)
        silent = Silent(database=api.services.database, clock=api.clock, webhook_secrets=[WEBHOOK_SECRET])
        processors[ProcessorName.FAKE] = silent
        made = await api.do("subscribe", "ann", facts, customerId=customer, items=[TEAM])
        silent.silent = False
        api.clock.forward(hours=1)
        while not await api.rows("billing_subscriptions"):
            api.services.worker.wake()
            await asyncio.sleep(0.02)
        (row,) = await api.rows("billing_subscriptions")

    expected = error("UpstreamUnavailable", "UPSTREAM_UNAVAILABLE", "The payment processor did not answer.")
    assert made == {"subscription": None, "errors": [expected | {"retryAfterSeconds": None}]}
    assert row.status == "active"


@pytest.mark.parametrize("mutation", ["subscribe", "cancelSubscription"])
async def test_only_the_owner_and_administrators_buy_and_cancel(either: Api, mutation: str) -> None:
    organization = await bought(either)
    for who, role in (("bob", "ADMIN"), ("cy", "MEMBER")):
        await either.join(organization, who, role)
    input = {
        "subscribe": {"customerId": organization["customer"]["id"], "items": [{"priceId": "price_seat_pack"}]},
        "cancelSubscription": {"subscriptionId": organization["subscription"]},
    }[mutation]
    before = await either.everything()

    denied = [await either.try_to(mutation, who, **input) for who in ("bob", "cy")]
    assert [answer.codes for answer in denied] == [["FORBIDDEN"]] * 2
    assert await either.everything() == before

    assert (await either.do(mutation, "ada", **input))["errors"] == []

"""Changing, pausing, previewing and the processor's pages over HTTP, with the Fake behind them."""

import json
from typing import Any

import pytest

from tests.graphql_api.test_subscriptions import bought, refused
from tests.support.api import Api
from tests.support.api import user_error as error

STATE = (
    """subscription { status cancelAtPeriodEnd pauseCollection { behavior resumesAt } items { priceId quantity } }"""
)
ITEMS = [{"priceId": "price_team_monthly", "quantity": 3}]
RETURN = "https://acme.example/billing"
PAGES = {"successUrl": RETURN, "cancelUrl": RETURN}
PREVIEW = """preview { currency total amountDue plansGained plansLost featuresGained featuresLost
    lines { description priceId quantity amount proration periodStart periodEnd }
    quantities { key before after used overLimit } seats { limit used reserved available overLimit } }"""


def state(**changes: object) -> dict[str, Any]:
    same = {"status": "ACTIVE", "cancelAtPeriodEnd": False, "pauseCollection": None, "items": ITEMS}
    return {"subscription": same | changes, "errors": []}


async def does(api: Api, mutation: str, subscription: str, **input: object) -> Any:
    """Give a command a minute after the one before, and let what follows from it happen."""
    api.clock.forward(minutes=1)
    done = await api.do(mutation, "ann", STATE, subscriptionId=subscription, **input)
    await api.settled()
    return done


async def test_a_subscription_is_changed_paused_and_kept(either: Api) -> None:
    subscription = (await bought(either))["subscription"]
    changed = [{"priceId": "price_pro_monthly", "quantity": 3}]
    more = [{"priceId": "price_pro_monthly", "quantity": 4}]

    assert await does(
        either, "swapPlan", subscription, priceId="price_pro_monthly", proration="CREATE_PRORATIONS"
    ) == state(items=changed)
    assert await does(either, "updateSubscriptionQuantity", subscription, quantity=4) == state(items=more)
    assert await does(either, "pauseSubscription", subscription) == state(
        items=more, pauseCollection={"behavior": "VOID", "resumesAt": None}
    )
    assert await does(either, "unpauseSubscription", subscription) == state(items=more)
    assert await does(either, "cancelSubscription", subscription) == state(items=more, cancelAtPeriodEnd=True)
    assert await does(either, "resumeSubscription", subscription) == state(items=more)


async def test_a_preview_tells_money_and_access_and_leaves_nothing(api: Api) -> None:
    organization = await bought(api)
    for who in ("bob", "cy"):
        await api.join(organization, who)
    before = await api.everything()

    made = await api.do(
        "previewPlanChange",
        "ann",
        PREVIEW,
        subscriptionId=organization["subscription"],
        priceId="price_basic",
        proration="NONE",
    )

    preview = made["preview"]
    assert (made["errors"], await api.everything()) == ([], before)
    assert (preview["plansGained"], preview["plansLost"]) == (["basic"], ["team"])
    assert (preview["featuresGained"], preview["featuresLost"]) == ([], ["reports", "sso"])
    assert preview["quantities"] == [
        {"key": "projects", "before": 2147483647, "after": 0, "used": None, "overLimit": False},
        {"key": "seats", "before": 3, "after": 0, "used": 3, "overLimit": True},
    ]
    assert preview["seats"] == {"limit": 0, "used": 3, "reserved": 0, "available": 0, "overLimit": True}
    assert all(str(int(amount)) == amount for amount in (preview["total"], preview["amountDue"]))


async def test_the_processors_pages_are_told_once(either: Api) -> None:
    customer = (await either.organization())["customer"]["id"]
    checkout = {"customerId": customer, "items": ITEMS, **PAGES, "idempotencyKey": "c"}
    portal = {"customerId": customer, "returnUrl": RETURN, "idempotencyKey": "p"}

    page, again = [await either.do("createCheckoutSession", "ann", "url expiresAt", **checkout) for _ in range(2)]
    managed, later = [await either.do("createPortalSession", "ann", "url", **portal) for _ in range(2)]

    assert page["url"].startswith("https://")
    assert again == page | {"url": None}
    assert managed["url"].startswith("https://")
    assert later == {"url": None, "errors": []}
    kept = {name: rows for name, rows in (await either.everything()).items() if not name.startswith("fake_")}
    assert not [url for url in (page["url"], managed["url"]) if url in json.dumps(kept)]


SAME = error("InvalidInput", "INVALID_INPUT", "The subscription has this price already.", "input", "priceId")
RUNS = error("SubscriptionState", "SUBSCRIPTION_STATE", "This subscription is not paused.")
RENEWS = error("SubscriptionState", "SUBSCRIPTION_STATE", "This subscription is not ending.")
PAST = error("InvalidInput", "INVALID_INPUT", "This instant has passed.", "input", "resumesAt")
FEW = error("InvalidInput", "INVALID_INPUT", "A quantity is at least 1.", "input", "quantity")


@pytest.mark.parametrize(
    ("mutation", "input", "expected"),
    [
        ("swapPlan", {"priceId": "price_team_monthly", "proration": "NONE"}, SAME),
        ("previewPlanChange", {"priceId": "price_team_monthly", "proration": "NONE"}, SAME),
        ("updateSubscriptionQuantity", {"quantity": 0}, FEW),
        ("resumeSubscription", {}, RENEWS),
        ("unpauseSubscription", {}, RUNS),
        ("pauseSubscription", {"resumesAt": "2020-01-01T00:00:00Z"}, PAST),
    ],
)
async def test_what_cannot_be_is_a_typed_error(
    api: Api, mutation: str, input: dict[str, object], expected: dict[str, Any]
) -> None:
    subscription = (await bought(api))["subscription"]

    assert await refused(api, mutation, subscriptionId=subscription, **input) == expected


@pytest.mark.parametrize(
    ("mutation", "input", "field"),
    [
        ("createCheckoutSession", {"items": ITEMS, "successUrl": "/", "cancelUrl": RETURN}, "successUrl"),
        ("createCheckoutSession", {"items": ITEMS, "successUrl": RETURN, "cancelUrl": "/"}, "cancelUrl"),
        ("createPortalSession", {"returnUrl": "http://acme.example/"}, "returnUrl"),
    ],
)
async def test_an_address_that_is_not_the_hosts_is_a_typed_error(
    api: Api, mutation: str, input: dict[str, object], field: str
) -> None:
    customer = (await api.organization())["customer"]["id"]

    found = await refused(api, mutation, customerId=customer, **input)

    assert (found["code"], found["path"]) == ("INVALID_INPUT", ["input", field])


async def test_a_page_is_not_made_beside_a_live_base_plan(api: Api) -> None:
    organization = await bought(api)
    facts = "errors { ... on AlreadySubscribedError { subscription { id } } }"

    found = await refused(
        api, "createCheckoutSession", facts, customerId=organization["customer"]["id"], items=ITEMS, **PAGES
    )

    assert found["subscription"] == {"id": organization["subscription"]}


async def test_only_the_owner_and_administrators_command(either: Api) -> None:
    organization = await bought(either)
    await either.join(organization, "bob", "ADMIN")
    await either.user("eve")
    subscription, customer = organization["subscription"], organization["customer"]["id"]
    inputs: dict[str, dict[str, object]] = {
        "swapPlan": {"subscriptionId": subscription, "priceId": "price_basic", "proration": "NONE"},
        "previewPlanChange": {"subscriptionId": subscription, "priceId": "price_basic", "proration": "NONE"},
        "updateSubscriptionQuantity": {"subscriptionId": subscription, "quantity": 4},
        "resumeSubscription": {"subscriptionId": subscription},
        "pauseSubscription": {"subscriptionId": subscription},
        "unpauseSubscription": {"subscriptionId": subscription},
        "createCheckoutSession": {"customerId": customer, "items": ITEMS, **PAGES},
        "createPortalSession": {"customerId": customer, "returnUrl": RETURN},
    }
    before = await either.everything()

    for mutation, input in inputs.items():
        assert (await either.try_to(mutation, "bob", **input)).codes == ["FORBIDDEN"], mutation
        stranger = await either.do(mutation, "eve", **input)
        assert [found["code"] for found in stranger["errors"]] == ["NOT_FOUND"], mutation
        assert await either.everything() == before, mutation

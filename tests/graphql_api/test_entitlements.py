"""What a customer has paid for, as it is told over HTTP: exact answers, and to whom which reason is told."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.support.api import Api

NOW = "2026-11-21T12:00:00.000000Z"
DECISIONS = """query($id: ID!, $features: [String!]) { entitlements(customerId: $id) {
    decisions(features: $features) { feature granted reason validUntil } } }"""


async def house(api: Api, price: str = "price_team_monthly", **changes: Any) -> str:
    """Give the customer of an organization that holds this, with ann as its owner, bob an admin and cy a member."""
    organization = await api.organization()
    await api.holds(organization["customer"])
    await api.join(organization, "bob", "ADMIN")
    await api.join(organization, "cy")
    await api.holds(organization["customer"], price, **changes)
    return str(organization["customer"]["id"])


async def test_all_answers_of_one_customer(api: Api) -> None:
    customer = await house(api)

    answer = await api.ask(
        """query($id: ID!) { entitlements(customerId: $id) {
            customer { id } asOf knownAt catalogVersion validUntil plans features
            quantities { key value unlimited used remaining }
            reports: entitled(feature: "reports") ghost: entitled(feature: "ghost")
            team: hasActivePlan(plan: "team") price: hasActivePlan(plan: "price_team_monthly")
            pro: hasActivePlan(plan: "pro") nothing: hasActivePlan(plan: "")
            seats: quantity(key: "seats") projects: quantity(key: "projects") none: quantity(key: "ghost")
        } }""",
        id=customer,
    )

    assert answer.data["entitlements"] == {
        "customer": {"id": customer},
        "asOf": "2026-11-21T12:00:01.000000Z",
        "knownAt": "2026-11-21T12:00:01.000000Z",
        "catalogVersion": api.services.catalog.version,
        "validUntil": None,
        "plans": ["team"],
        "features": ["api", "reports", "sso"],
        "quantities": [
            {"key": "projects", "value": 2147483647, "unlimited": True, "used": None, "remaining": None},
            {"key": "seats", "value": 7, "unlimited": False, "used": 3, "remaining": 4},
        ],
        "reports": True,
        "ghost": False,
        "team": True,
        "price": True,
        "pro": False,
        "nothing": False,
        "seats": 7,
        "projects": 2147483647,
        "none": 0,
    }


async def test_the_revision_changes_with_the_answers_and_only_with_them(api: Api) -> None:
    organization = await api.organization()
    revisions = []
    for price in ("price_team_monthly", "price_team_monthly", "price_basic"):
        await api.holds(organization["customer"], price)
        document = "query($id: ID!) { entitlements(customerId: $id) { revision } }"
        answer = await api.ask(document, id=organization["customer"]["id"])
        revisions.append(answer.data["entitlements"]["revision"])

    assert revisions[0] == revisions[1] != revisions[2]


async def test_every_feature_of_the_catalog_is_decided_when_none_is_named(api: Api) -> None:
    customer = await house(api, "price_pro_monthly")

    answer = await api.ask(DECISIONS, id=customer)

    assert answer.data["entitlements"]["decisions"] == [
        {"feature": "api", "granted": True, "reason": "ENTITLED", "validUntil": None},
        {"feature": "reports", "granted": True, "reason": "ENTITLED", "validUntil": None},
        {"feature": "sso", "granted": False, "reason": "NOT_ENTITLED", "validUntil": None},
    ]


async def test_an_unknown_feature_is_not_granted_and_no_error(api: Api) -> None:
    customer = await house(api)

    answer = await api.ask(DECISIONS, id=customer, features=["ghost", "", "reports", "ghost"])

    told = [(each["feature"], each["granted"]) for each in answer.data["entitlements"]["decisions"]]
    assert told == [("ghost", False), ("", False), ("reports", True), ("ghost", False)]


async def test_a_hundred_names_are_decided_and_one_more_is_bad_input(api: Api) -> None:
    customer = await house(api)

    most = await api.ask(DECISIONS, id=customer, features=["reports"] * 100)
    more = await api.ask(DECISIONS, id=customer, features=["reports"] * 101)

    assert len(most.data["entitlements"]["decisions"]) == 100
    assert more.codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("changes", "reason", "until"),
    [
        ({"status": "past_due"}, "PAST_DUE_GRACE", "2026-11-28T12:00:01.000000Z"),
        ({"status": "unpaid"}, "NO_ACTIVE_SUBSCRIPTION", None),
        ({"pause_collection": {}}, "NO_ACTIVE_SUBSCRIPTION", None),
    ],
)
async def test_owners_and_admins_are_told_why_and_members_are_not(
    api: Api, changes: dict[str, Any], reason: str, until: str | None
) -> None:
    customer = await house(api, **changes)

    told = {
        who: (await api.ask(DECISIONS, who, id=customer, features=["reports"])).data["entitlements"]["decisions"][0]
        for who in ("ann", "bob", "cy", "ada")
    }

    granted = reason == "PAST_DUE_GRACE"
    for who, decision in told.items():
        shown = None if who == "cy" else reason
        assert decision == {"feature": "reports", "granted": granted, "reason": shown, "validUntil": until}


async def test_grace_that_is_over_says_so(api: Api) -> None:
    customer = await house(api, status="past_due")
    api.clock.forward(days=7, seconds=1)

    answer = await api.ask(DECISIONS, id=customer, features=["reports"])

    assert answer.data["entitlements"]["decisions"][0]["reason"] == "PAST_DUE_EXPIRED"


async def test_a_failure_shows_as_not_entitled_except_to_administrators(api: Api) -> None:
    customer = await house(api)
    async with api.services.database.transaction() as session:
        await session.execute(text("UPDATE billing_subscriptions SET state = '{}'"))

    told = {
        who: (await api.ask(DECISIONS, who, id=customer, features=["reports"])).data["entitlements"]["decisions"][0]
        for who in ("ann", "cy", "ada")
    }

    assert [decision["granted"] for decision in told.values()] == [False] * 3
    assert [told[who]["reason"] for who in told] == ["NOT_ENTITLED", None, "ERROR"]


async def test_a_row_that_cannot_be_read_harms_no_other_customer(api: Api) -> None:
    await house(api)
    async with api.services.database.transaction() as session:
        await session.execute(text("UPDATE billing_subscriptions SET state = '{}'"))
    await api.organization(name="Other")

    answer = await api.ask("{ organizations { nodes { name seats { limit } customer { entitlements { plans } } } } }")

    assert answer.data["organizations"]["nodes"] == [
        {"name": "Acme", "seats": {"limit": 0}, "customer": {"entitlements": {"plans": []}}},
        {"name": "Other", "seats": {"limit": 1}, "customer": {"entitlements": {"plans": []}}},
    ]


async def test_what_others_have_paid_for_is_not_told(api: Api) -> None:
    customer = await house(api)

    answer = await api.ask(DECISIONS, "eve", id=customer)

    assert answer.data == {"entitlements": None}


async def test_somebody_without_a_plan_has_the_default(api: Api) -> None:
    organization = await api.organization()

    answer = await api.ask(
        """query($id: ID!) { entitlements(customerId: $id) { plans features quantities { key value used remaining }
            decisions(features: ["api"]) { granted reason } } }""",
        id=organization["customer"]["id"],
    )

    assert answer.data["entitlements"] == {
        "plans": [],
        "features": [],
        "quantities": [{"key": "seats", "value": 1, "used": 1, "remaining": 0}],
        "decisions": [{"granted": False, "reason": "NO_ACTIVE_SUBSCRIPTION"}],
    }


async def test_the_plans_of_the_catalog_stand_in_the_order_of_their_names(api: Api) -> None:
    document = """query($after: String) { plans(first: 2, after: $after) { totalCount
        nodes { name addOn features priceIds braintreePlanIds
            limits { key amount unlimited perQuantity times max merge } }
        pageInfo { hasNextPage hasPreviousPage endCursor } } }"""

    first = (await api.ask(document, None)).data["plans"]
    second = (await api.ask(document, None, after=first["pageInfo"]["endCursor"])).data["plans"]
    refused = await api.ask("{ plans(first: 101) { totalCount } }", None)

    assert [plan["name"] for plan in first["nodes"] + second["nodes"]] == ["basic", "pro", "seat_pack", "team"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (
        4,
        True,
        False,
    )
    flat = {"unlimited": False, "perQuantity": False, "times": 1, "max": None, "merge": "MAX"}
    assert first["nodes"][1] == {
        "name": "pro",
        "addOn": False,
        "features": ["api", "reports"],
        "priceIds": ["price_pro_monthly", "price_pro_yearly"],
        "braintreePlanIds": [],
        "limits": [{"key": "projects", "amount": 20} | flat, {"key": "seats", "amount": 3} | flat],
    }
    by_quantity = flat | {"amount": None, "perQuantity": True}
    assert second["nodes"][0]["limits"] == [by_quantity | {"key": "seats", "times": 5, "merge": "SUM"}]
    assert second["nodes"][0]["addOn"] is True
    unlimited = flat | {"key": "projects", "amount": None, "unlimited": True}
    assert second["nodes"][1]["limits"] == [unlimited, by_quantity | {"key": "seats", "max": 25}]
    assert refused.codes == ["BAD_USER_INPUT"]


async def test_the_features_of_the_catalog_stand_in_the_order_of_their_keys_with_the_plans_that_have_them(
    api: Api,
) -> None:
    document = """query($after: String) { features(first: 2, after: $after) { totalCount nodes { key plans }
        pageInfo { hasNextPage endCursor } } }"""

    first = (await api.ask(document)).data["features"]
    second = (await api.ask(document, after=first["pageInfo"]["endCursor"])).data["features"]

    assert first["nodes"] + second["nodes"] == [
        {"key": "api", "plans": ["basic", "pro", "team"]},
        {"key": "reports", "plans": ["pro", "team"]},
        {"key": "sso", "plans": ["team"]},
    ]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (
        3,
        True,
        False,
    )
    assert (await api.ask(document, None)).codes == ["UNAUTHENTICATED"]

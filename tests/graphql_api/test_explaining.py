"""Why, over HTTP: chains and explanations for administrators and owners, and for nobody else."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.graphql_api.test_entitlements import house
from tests.support.api import Api
from tests.support.statements import statements

STEP = """
    kind counts detail subscription { id status } fact { eventId source state } priceId itemQuantity plan key value
    override { id reason } until
"""
CHAIN = f"""query($id: ID!, $features: [String!]) {{ entitlements(customerId: $id) {{
    decisions(features: $features) {{ granted reason chain {{ {STEP} }} }}
    quantities {{ key value chain {{ counts detail value }} }} }} }}"""
EXPLAIN = """query($id: ID!, $feature: String!) { explain(customerId: $id, feature: $feature) {
    decision { feature granted reason validUntil chain { kind counts } } asOf catalogVersion wouldGrant { name } } }"""
NOTHING: dict[str, Any] = {
    "subscription": None,
    "fact": None,
    "priceId": None,
    "itemQuantity": None,
    "plan": None,
    "key": None,
    "value": None,
    "override": None,
    "until": None,
}


async def gift(api: Api, customer: str, **input: object) -> str:
    made = await api.do("grantOverride", "ada", "override { id }", customerId=customer, reason="promised", **input)
    assert made["errors"] == []
    return str(made["override"]["id"])


async def asked(api: Api, who: str, customer: str, *features: str) -> Any:
    return (await api.ask(CHAIN, who, id=customer, features=features)).data["entitlements"]


async def test_an_administrator_is_led_from_the_newest_fact_to_the_override(api: Api) -> None:
    customer = await house(api, status="past_due", quantity=9)
    override = await gift(api, customer, feature="sso")
    [row] = await api.rows("billing_subscriptions")

    [decision] = (await asked(api, "ada", customer, "sso"))["decisions"]

    default, subscription, item, plan, feature, given = decision["chain"]
    here = {"id": row.id, "status": "PAST_DUE"}
    fact = subscription.pop("fact")
    assert (decision["granted"], decision["reason"]) == (True, "ENTITLED")
    assert (fact["eventId"], fact["source"], fact["state"]["status"]) == ("evt_1", "EVENT", "past_due")
    assert default == NOTHING | {
        "kind": "DEFAULT",
        "counts": False,
        "detail": "The catalog's default says nothing of sso.",
        "key": "sso",
    }
    assert subscription | {"fact": None} == NOTHING | {
        "kind": "SUBSCRIPTION",
        "counts": True,
        "detail": "The subscription is past due, and in grace.",
        "subscription": here,
        "until": "2026-11-28T12:00:01.000000Z",
    }
    assert item == NOTHING | {
        "kind": "ITEM",
        "counts": True,
        "detail": "price_team_monthly is a price of team.",
        "subscription": here,
        "priceId": "price_team_monthly",
        "itemQuantity": 9,
        "plan": "team",
    }
    assert (plan["kind"], plan["plan"], feature["kind"], feature["key"]) == ("PLAN", "team", "FEATURE", "sso")
    assert given == NOTHING | {
        "kind": "OVERRIDE",
        "counts": True,
        "detail": "An override gives the feature sso.",
        "key": "sso",
        "override": {"id": override, "reason": "promised"},
    }


async def test_chains_are_told_to_administrators_and_owners_and_facts_to_administrators_alone(api: Api) -> None:
    customer = await house(api)

    told = {who: await asked(api, who, customer, "sso") for who in ("ada", "ann", "bob", "cy")}

    chains = {who: answers["decisions"][0]["chain"] for who, answers in told.items()}
    limits = {who: [each["chain"] for each in answers["quantities"]] for who, answers in told.items()}
    assert chains["bob"] is chains["cy"] is None
    assert limits["bob"] == limits["cy"] == [None, None]
    assert [step["fact"] for step in chains["ann"]] == [None] * 5
    assert [step["kind"] for step in chains["ada"] if step["fact"]] == ["SUBSCRIPTION"]
    assert [step | {"fact": None} for step in chains["ada"]] == chains["ann"]
    assert limits["ada"] == limits["ann"]


async def test_a_users_own_customer_is_explained_to_the_user(api: Api) -> None:
    await api.user("eve")
    own = (await api.ask("{ viewer { actor { ... on User { customer { id } } } } }", "eve")).data
    customer = own["viewer"]["actor"]["customer"]["id"]

    answer = await api.ask(EXPLAIN, "eve", id=customer, feature="sso")

    assert answer.data["explain"]["decision"]["chain"] == [{"kind": "DEFAULT", "counts": False}]


async def test_the_chain_of_a_limit_ends_with_its_value(api: Api) -> None:
    customer = await house(api, quantity=7)
    await gift(api, customer, limit="seats", value=9)

    quantities = (await asked(api, "ann", customer))["quantities"]

    seats = next(each for each in quantities if each["key"] == "seats")
    assert [(step["detail"], step["counts"], step["value"]) for step in seats["chain"][-2:]] == [
        ("The plan team gives 7 of seats.", True, 7),
        ("An override gives at least 9 of seats.", True, 9),
    ]
    assert all(each["chain"][-1]["value"] == each["value"] for each in quantities)


async def test_why_a_resolution_failed_is_told_to_administrators_alone(api: Api) -> None:
    customer = await house(api)
    async with api.services.database.transaction() as session:
        await session.execute(text("UPDATE billing_subscriptions SET state = '{}'"))

    ada, ann = [(await asked(api, who, customer, "sso"))["decisions"][0] for who in ("ada", "ann")]

    detail = "What the customer holds could not be found out, so nothing is granted."
    assert ada["chain"] == [NOTHING | {"kind": "SUBSCRIPTION", "counts": True, "detail": detail}]
    assert (ann["reason"], ann["chain"]) == ("NOT_ENTITLED", None)


async def test_an_explanation_names_the_plans_that_would_grant_add_ons_too(api: Api) -> None:
    customer = await house(api, "price_basic")

    found = {each: (await api.ask(EXPLAIN, id=customer, feature=each)).data["explain"] for each in ("reports", "api")}
    ghost = (await api.ask(EXPLAIN, id=customer, feature="ghost")).data["explain"]

    steps = [("DEFAULT", False), ("SUBSCRIPTION", True), ("ITEM", True), ("PLAN", True), ("FEATURE", False)]
    assert found["reports"] == {
        "decision": {
            "feature": "reports",
            "granted": False,
            "reason": "NOT_ENTITLED",
            "validUntil": None,
            "chain": [{"kind": kind, "counts": counts} for kind, counts in steps],
        },
        "asOf": "2026-11-21T12:00:01.000000Z",
        "catalogVersion": api.services.catalog.version,
        "wouldGrant": [{"name": "pro"}, {"name": "team"}],
    }
    assert (found["api"]["decision"]["granted"], found["api"]["wouldGrant"]) == (True, [])
    assert (ghost["decision"]["granted"], ghost["wouldGrant"]) == (False, [])


async def test_administrators_and_the_owner_ask_why_others_may_not_and_outside_there_is_nothing(api: Api) -> None:
    customer = await house(api)
    await api.user("eve")

    answers = {who: await api.ask(EXPLAIN, who, id=customer, feature="sso") for who in ("ada", "ann", "bob", "cy")}
    eve = await api.ask(EXPLAIN, "eve", id=customer, feature="sso")
    nobody = await api.ask(EXPLAIN, None, id=customer, feature="sso")

    assert {who: answer.codes for who, answer in answers.items()} == {
        "ada": [],
        "ann": [],
        "bob": ["FORBIDDEN"],
        "cy": ["FORBIDDEN"],
    }
    assert answers["bob"].body["data"] == {"explain": None}
    assert eve.data == {"explain": None}
    assert nobody.codes == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("number", [1, 100])
async def test_the_chains_of_many_features_read_no_more_than_that_of_one(api: Api, number: int) -> None:
    customer = await house(api)
    await gift(api, customer, feature="sso")

    with statements(api.services.database) as sent:
        decisions = (await asked(api, "ada", customer, "sso", *(f"ghost_{n}" for n in range(1, number))))["decisions"]

    assert len(decisions) == number
    for mark in ("LEFT OUTER JOIN overrides", "row_number", "SELECT overrides.", "SELECT billing_subscriptions."):
        assert len([each for each in sent if mark in each]) == 1, mark

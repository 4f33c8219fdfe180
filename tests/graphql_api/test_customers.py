"""Customers: by our id, by the processor's, and what is told of them to whom."""

from typing import Any

import pytest

from tests.graphql_api.test_subscriptions import bought
from tests.support.api import Api

NOW = "2026-11-21T12:00:00.000000Z"
BY_ID = """query($id: ID!) { customer(id: $id) {
    id createdAt owner { __typename ... on Organization { slug } ... on User { name } }
    processorAccounts { processor livemode processorId linkedAt }
    entitlements { plans } subscriptions { nodes { processorId } } } }"""
BY_ACCOUNT = "query($account: ProcessorAccountRef!) { customer(account: $account) { id } }"


async def house(api: Api) -> dict[str, Any]:
    """Give an organization that pays, with ann as its owner, bob as an admin and cy as a member."""
    organization = await api.organization()
    await api.holds(organization["customer"])
    await api.join(organization, "bob", "ADMIN")
    await api.join(organization, "cy")
    return organization


async def test_a_customer_tells_who_it_is_and_what_it_has(api: Api) -> None:
    customer = (await house(api))["customer"]["id"]

    answer = await api.ask(BY_ID, id=customer)

    assert answer.data["customer"] == {
        "id": customer,
        "createdAt": NOW,
        "owner": {"__typename": "Organization", "slug": "acme"},
        "processorAccounts": [
            {"processor": "FAKE", "livemode": False, "processorId": f"cus_{customer}", "linkedAt": NOW}
        ],
        "entitlements": {"plans": ["team"]},
        "subscriptions": {"nodes": [{"processorId": f"sub_{customer}"}]},
    }


@pytest.mark.parametrize(("who", "told"), [("ann", True), ("ada", True), ("bob", False), ("cy", False)])
async def test_accounts_are_told_to_the_owner_and_administrators(api: Api, who: str, told: bool) -> None:
    customer = (await house(api))["customer"]["id"]

    answer = await api.ask(BY_ID, who, id=customer)

    assert (answer.data["customer"]["processorAccounts"] is not None) == told


async def test_a_customer_of_others_is_not_there(api: Api) -> None:
    customer = (await house(api))["customer"]["id"]

    answer = await api.ask(BY_ID, "eve", id=customer)

    assert answer.data == {"customer": None}


async def test_administrators_find_a_customer_by_its_account(api: Api) -> None:
    customer = (await house(api))["customer"]["id"]
    account = {"processor": "FAKE", "processorId": f"cus_{customer}"}

    administrator = await api.ask(BY_ACCOUNT, "ada", account=account)
    missing = await api.ask(BY_ACCOUNT, "ada", account=account | {"processorId": "cus_nobody"})
    other = await api.ask(BY_ACCOUNT, "ada", account=account | {"processor": "STRIPE"})
    owner = await api.ask(BY_ACCOUNT, "ann", account=account)
    stranger = await api.ask(BY_ACCOUNT, "eve", account=account | {"processorId": "cus_nobody"})

    assert administrator.data == {"customer": {"id": customer}}
    assert missing.data == other.data == {"customer": None}
    assert owner.codes == stranger.codes == ["FORBIDDEN"]


@pytest.mark.parametrize("arguments", ["", '(id: "x", account: { processor: FAKE, processorId: "x" })', "(id: null)"])
async def test_two_ways_or_none_are_bad_input(api: Api, arguments: str) -> None:
    answer = await api.ask(f"{{ customer{arguments} {{ id }} }}", "ada")

    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.body["errors"][0]["message"] == "Give exactly one of id and account."


async def test_subscriptions_of_a_customer_come_newest_first_ended_ones_included(api: Api) -> None:
    organization = await bought(api)
    api.clock.forward(minutes=1)
    await api.do("cancelSubscription", "ann", subscriptionId=organization["subscription"], atPeriodEnd=False)
    await api.settled()
    await api.do("subscribe", "ann", customerId=organization["customer"]["id"], items=[{"priceId": "price_basic"}])
    document = """query($id: ID!, $first: Int, $after: String) { customer(id: $id) {
        subscriptions(first: $first, after: $after) {
            nodes { status items { priceId } } pageInfo { hasNextPage endCursor } } } }"""
    customer = organization["customer"]["id"]

    first = (await api.ask(document, id=customer, first=1)).data["customer"]["subscriptions"]
    after = first["pageInfo"]["endCursor"]
    second = (await api.ask(document, id=customer, first=1, after=after)).data["customer"]["subscriptions"]

    assert first["nodes"] == [{"status": "ACTIVE", "items": [{"priceId": "price_basic"}]}]
    assert second["nodes"] == [{"status": "CANCELED", "items": [{"priceId": "price_team_monthly"}]}]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)

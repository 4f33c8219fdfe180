"""Entitlements as of an instant, as known at another, and of many customers at once, as they are told over HTTP."""

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.shadow import put_in_force
from tests.support.statements import statements

AS_OF = """query($id: ID!, $at: DateTime, $known: DateTime) {
    entitlements(customerId: $id, asOf: $at, knownAt: $known) {
        asOf knownAt catalogVersion revision plans quantities { key value used remaining } } }"""
BATCH = "query($ids: [ID!]!) { entitlementsBatch(customerIds: $ids) { customer { id } plans } }"


@pytest.fixture
async def began(api: Api) -> str:
    async with api.services.database.transaction() as session:
        await put_in_force(session, api.services.catalog, at=api.clock.now())
    return written(api)


def written(api: Api) -> str:
    """Write what the clock shows."""
    return api.clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")


async def told(api: Api, who: str, /, **asked: Any) -> dict[str, Any] | None:
    answer: dict[str, Any] | None = (await api.ask(AS_OF, who, **asked)).data["entitlements"]
    return answer


async def test_the_past_is_told_as_it_was_and_counts_nobody(api: Api, began: str) -> None:
    customer = (await api.organization())["customer"]
    await api.holds(customer)
    then, live = written(api), await told(api, "ann", id=customer["id"])
    api.clock.forward(hours=1)
    await api.holds(customer, "price_basic")

    now, past = (
        await told(api, "ann", id=customer["id"]),
        await told(api, "ann", id=customer["id"], at=then, known=then),
    )
    believed = await told(api, "ada", id=customer["id"], known=then)

    assert now is not None
    assert live is not None
    assert now["plans"] == ["basic"]
    limits = [{"key": "projects", "value": 2147483647}, {"key": "seats", "value": 7}]
    assert past == live | {"quantities": [limit | {"used": None, "remaining": None} for limit in limits]}
    assert [quantity["used"] for quantity in live["quantities"]] == [None, 1]
    assert believed == past | {"asOf": written(api)}


async def test_a_decision_is_explained_as_it_was_from_what_was_heard_then(api: Api, began: str) -> None:
    customer = (await api.organization())["customer"]
    await api.holds(customer)
    then = written(api)
    await api.holds(customer, "price_basic")
    document = """query($id: ID!, $at: DateTime) { explain(customerId: $id, feature: "sso", asOf: $at, knownAt: $at) {
        asOf wouldGrant { name } decision { granted chain { kind counts fact { eventId } } } } }"""

    past, now = [(await api.ask(document, "ada", id=customer["id"], at=at)).data["explain"] for at in (then, None)]

    facts = [[step["fact"]["eventId"] for step in told["decision"]["chain"] if step["fact"]] for told in (past, now)]
    assert [told["decision"]["granted"] for told in (past, now)] == [True, False]
    assert facts == [["evt_0"], ["evt_1"]]
    assert (past["asOf"], past["wouldGrant"], now["wouldGrant"]) == (then, [], [{"name": "team"}])


async def test_only_administrators_and_owners_hear_of_the_past(api: Api, began: str) -> None:
    organization = await api.organization()
    await api.holds(organization["customer"])
    await api.join(organization, "bob", "ADMIN")
    await api.join(organization, "cy")
    asked = {"id": organization["customer"]["id"], "at": written(api)}

    told = {who: await api.ask(AS_OF, who, **asked) for who in ("ann", "ada", "bob", "cy", "eve")}

    assert told["ann"].data == told["ada"].data
    assert told["ann"].data["entitlements"]["plans"] == ["team"]
    assert [told[who].codes for who in ("bob", "cy")] == [["FORBIDDEN"]] * 2
    assert [told[who].body["data"] for who in ("bob", "cy", "eve")] == [{"entitlements": None}] * 3
    assert told["eve"].data == (await api.ask(AS_OF, "eve", **(asked | {"id": "cst_" + "0" * 32}))).data


async def test_a_person_hears_of_the_own_past(api: Api, began: str) -> None:
    found = await api.ask("{ viewer { actor { ... on User { customer { id } } } } }")
    own = found.data["viewer"]["actor"]["customer"]["id"]

    answer = await told(api, "ann", id=own, at=written(api))

    assert answer is not None
    assert answer["plans"] == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"at": "2026-11-21T12:00:00.000001Z"}, "asOf is in the future."),
        ({"known": "9999-12-31T23:59:59+00:00"}, "knownAt is in the future."),
        ({"at": "2026-11-21T11:59:59.999999Z"}, "Nothing is known of that time: no catalog was in force yet."),
        ({"at": "0001-01-01T00:00:00Z"}, "Nothing is known of that time: no catalog was in force yet."),
    ],
)
async def test_of_some_times_nothing_can_be_known(api: Api, began: str, asked: dict[str, str], message: str) -> None:
    customer = (await api.organization())["customer"]["id"]

    refused = await api.ask(AS_OF, "ann", id=customer, **asked)

    assert refused.codes == ["BAD_USER_INPUT"]
    assert refused.body["errors"][0]["message"] == message
    assert refused.body["data"] == {"entitlements": None}


async def test_an_instant_without_an_offset_is_refused(api: Api) -> None:
    customer = (await api.organization())["customer"]["id"]

    assert (await api.ask(AS_OF, "ann", id=customer, at="2026-11-21T12:00:00")).codes == ["BAD_USER_INPUT"]


async def test_one_time_that_cannot_be_known_harms_no_other(api: Api, began: str) -> None:
    customer = (await api.organization())["customer"]["id"]
    document = """query($id: ID!, $began: DateTime, $never: DateTime = "2099-01-01T00:00:00Z") {
        future: entitlements(customerId: $id, asOf: $never) { plans }
        then: entitlements(customerId: $id, asOf: $began) { plans }
        now: entitlements(customerId: $id) { plans }
    }"""

    answer = await api.ask(document, id=customer, began=began)

    assert answer.body["data"] == {"future": None, "then": {"plans": []}, "now": {"plans": []}}
    assert [error["path"] for error in answer.body["errors"]] == [["future"]]


async def test_a_batch_keeps_the_order_and_tells_missing_and_not_yours_apart_from_nothing(api: Api) -> None:
    own, theirs = (await api.organization())["customer"], (await api.organization("eve", "Eve's"))["customer"]
    await api.holds(own)
    missing = "cst_" + "0" * 32

    answer = await api.ask(BATCH, ids=[theirs["id"], own["id"], missing, own["id"], "nobody"])
    everything = await api.ask(BATCH, "ada", ids=[theirs["id"], own["id"]])

    one = {"customer": {"id": own["id"]}, "plans": ["team"]}
    assert answer.data["entitlementsBatch"] == [None, one, None, one, None]
    assert [each["plans"] for each in everything.data["entitlementsBatch"]] == [[], ["team"]]


async def test_a_batch_of_a_hundred_is_one_read_and_one_more_is_bad_input(api: Api) -> None:
    customer = (await api.organization())["customer"]["id"]
    ids = [customer, *(f"cst_{number:032x}" for number in range(100))]

    with statements(api.services.database) as sent:
        most = await api.ask(BATCH, ids=ids[:100])
    more, none = await api.ask(BATCH, ids=ids), await api.ask(BATCH, ids=[])

    assert [each and each["customer"]["id"] for each in most.data["entitlementsBatch"]] == [customer] + [None] * 99
    assert len([statement for statement in sent if "overrides" in statement]) == 1
    assert more.codes == ["BAD_USER_INPUT"]
    assert none.data == {"entitlementsBatch": []}


async def test_nobody_without_a_credential_hears_of_anything(api: Api) -> None:
    assert (await api.ask(BATCH, None, ids=[])).codes == ["UNAUTHENTICATED"]

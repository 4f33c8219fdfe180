"""Keys over HTTP: a second call with the same key changes nothing and gives the first answer, to whoever may see it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.graphql_api.test_memberships import paid, refused
from tests.graphql_api.test_subscriptions import TEAM, bought
from tests.support import tables
from tests.support.api import Api
from tests.support.api import user_error as error
from tests.support.tables import execute

CREATED = "organization { id name slug customer { id } memberships { nodes { role } } }"
ADDED = "membership { id role user { name } } seats { used }"
REMOVED = "removedMembershipId seats { used }"
USED = "This key has been used for another input."
MISMATCH = error("IdempotencyMismatch", "IDEMPOTENCY_MISMATCH", USED, "input", "idempotencyKey")


async def again(api: Api, mutation: str, who: str, select: str, /, **input: object) -> Any:
    """Send a mutation that has been sent before, and insist that not a row has changed."""
    async with tables.unchanged(api.services.database):
        return await api.do(mutation, who, select, **input)


async def adding(api: Api, **more: object) -> dict[str, Any]:
    """Let ann add bob under the key, and give the organization and what was sent."""
    organization = await paid(api)
    await api.user("bob")
    sent = {"organizationId": organization["id"], "email": "bob@example.com", "idempotencyKey": "k"} | more
    return {"organization": organization, "sent": sent, "added": await api.do("addMember", "ann", ADDED, **sent)}


async def role_of(api: Api, who: str, role: str) -> None:
    """Change somebody's role behind everybody's back."""
    query = f"SELECT id FROM users WHERE subject = '{who}'"
    await execute(api.services.database, f"UPDATE memberships SET role = '{role}' WHERE user_id IN ({query})")


async def leaves(api: Api, who: str) -> None:
    """Take somebody's places away behind everybody's back."""
    query = f"SELECT id FROM users WHERE subject = '{who}'"
    await execute(api.services.database, f"DELETE FROM memberships WHERE user_id IN ({query})")


async def keys(api: Api) -> list[tuple[str, str]]:
    return sorted((row.operation, row.key) for row in await api.rows("idempotency_keys"))


async def test_an_organization_is_founded_once(either: Api) -> None:
    sent = {"name": "Acme", "idempotencyKey": "k"}

    first = await either.do("createOrganization", "ann", CREATED, **sent)
    second = await again(either, "createOrganization", "ann", CREATED, **sent)

    assert first == second
    assert first["organization"]["slug"] == "acme"
    assert len(await either.rows("organizations")) == 1


async def test_a_member_is_added_once(either: Api) -> None:
    made = await adding(either)

    second = await again(either, "addMember", "ann", ADDED, **made["sent"])

    assert second == made["added"]
    assert second["membership"]["user"] == {"name": "Bob"}
    assert second["seats"] == {"used": 2}


async def test_a_member_is_removed_once(either: Api) -> None:
    bobs = await either.join(await paid(either), "bob")
    sent = {"membershipId": bobs, "idempotencyKey": "k"}

    first = await either.do("removeMember", "ann", REMOVED, **sent)
    second = await again(either, "removeMember", "ann", REMOVED, **sent)

    assert first == second == {"removedMembershipId": bobs, "seats": {"used": 1}, "errors": []}


async def test_the_audit_row_names_the_key(api: Api) -> None:
    await adding(api, idempotencyKey="my key")

    rows = [row for row in await api.rows("audit_events") if row.action == "membership.added"]

    assert [row.idempotency_key for row in rows] == ["my key"]


async def test_the_order_of_the_fields_is_no_other_input_and_nothing_is_null(api: Api) -> None:
    made = await adding(api)
    sent = made["sent"]

    turned = await again(api, "addMember", "ann", ADDED, **dict(reversed(sent.items())))
    explicit = await again(api, "addMember", "ann", ADDED, userId=None, role="MEMBER", **sent)

    assert turned == explicit == made["added"]


@pytest.mark.parametrize("change", [{"email": "cy@example.com"}, {"role": "ADMIN"}, {"email": None, "userId": "usr_1"}])
async def test_another_input_under_the_same_key_is_refused(either: Api, change: Mapping[str, object]) -> None:
    made = await adding(either)

    assert await refused(either, "addMember", "ann", **(made["sent"] | change)) == MISMATCH


async def test_a_refusal_does_not_use_its_key(either: Api) -> None:
    organization = await paid(either)
    sent = {"organizationId": organization["id"], "email": "bob@example.com", "idempotencyKey": "k"}

    missing = await refused(either, "addMember", "ann", **sent)
    await either.user("bob")
    added = await either.do("addMember", "ann", ADDED, **sent)

    assert missing["code"] == "NOT_FOUND"
    assert added["membership"]["user"] == {"name": "Bob"}
    assert await keys(either) == [("addMember", "k")]


async def test_one_key_serves_each_caller_and_each_operation(api: Api) -> None:
    for who in ("ann", "bob"):
        made = await api.do("createOrganization", who, "organization { slug }", name=f"{who} inc", idempotencyKey="k")
        assert made["organization"] == {"slug": f"{who}-inc"}

    removed = await refused(api, "removeMember", "ann", membershipId="mem_1", idempotencyKey="k")

    assert removed["code"] == "NOT_FOUND"
    assert await keys(api) == [("createOrganization", "k")] * 2


async def test_after_a_day_the_key_is_new(either: Api) -> None:
    sent = {"name": "Acme", "idempotencyKey": "k"}
    first = await either.do("createOrganization", "ann", "organization { slug }", **sent)
    either.clock.forward(days=1)

    second = await either.do("createOrganization", "ann", "organization { slug }", **sent)

    assert first["organization"]["slug"] == "acme"
    assert second["organization"]["slug"] != "acme"


@pytest.mark.parametrize("key", ["", "x" * 65, "ä", "tab\t"])
async def test_a_key_that_cannot_be_is_refused(api: Api, key: str) -> None:
    await api.user("ann")

    found = await refused(api, "createOrganization", "ann", name="Acme", idempotencyKey=key)

    message = "A key has 1 to 64 printable ASCII characters."
    assert found == error("InvalidInput", "INVALID_INPUT", message, "input", "idempotencyKey")


async def test_whoever_has_been_demoted_gets_no_answer_again(either: Api) -> None:
    made = await adding(either)
    removal = {"membershipId": made["added"]["membership"]["id"], "idempotencyKey": "k"}
    await either.do("removeMember", "ann", **removal)
    await role_of(either, "ann", "MEMBER")

    async with tables.unchanged(either.services.database):
        answers = [
            await either.try_to("addMember", "ann", ADDED, **made["sent"]),
            await either.try_to("removeMember", "ann", **removal),
        ]

    assert [answer.codes for answer in answers] == [["FORBIDDEN"]] * 2


async def test_whoever_gave_a_role_that_they_may_give_no_longer_gets_no_answer_again(either: Api) -> None:
    made = await adding(either, role="ADMIN")
    await role_of(either, "ann", "ADMIN")

    answer = await either.try_to("addMember", "ann", ADDED, **made["sent"])

    assert answer.codes == ["FORBIDDEN"]


async def test_to_whoever_has_left_there_is_nothing(either: Api) -> None:
    founded = {"name": "Next", "idempotencyKey": "k"}
    await either.do("createOrganization", "ann", **founded)
    made = await adding(either)
    removal = {"membershipId": made["added"]["membership"]["id"], "idempotencyKey": "k"}
    await either.do("removeMember", "ann", **removal)
    await leaves(either, "ann")

    found = [
        await refused(either, "createOrganization", "ann", CREATED, **founded),
        await refused(either, "addMember", "ann", ADDED, **made["sent"]),
        await refused(either, "removeMember", "ann", **removal),
    ]

    message = "There is no such organization."
    assert found[0] == error("NotFound", "NOT_FOUND", message)
    assert found[1:] == [error("NotFound", "NOT_FOUND", message, "input", "organizationId")] * 2


async def test_a_subscription_is_bought_once_and_its_secret_is_not_told_again(either: Api) -> None:
    organization = await either.organization()
    sent = {"customerId": organization["customer"]["id"], "items": [TEAM], "idempotencyKey": "k"}
    chosen = "subscription { id status } clientSecret"

    first = await either.do("subscribe", "ann", chosen, **sent)
    second = await either.do("subscribe", "ann", chosen, **sent)

    assert first == second
    assert first["subscription"]["status"] == "ACTIVE"
    assert second["clientSecret"] is None
    assert len(await either.rows("billing_subscriptions")) == len(await either.rows("billing_intents")) == 1


async def test_a_subscription_is_cancelled_once(either: Api) -> None:
    organization = await bought(either)
    sent = {"subscriptionId": organization["subscription"], "atPeriodEnd": False, "idempotencyKey": "k"}
    chosen = "subscription { id status }"
    either.clock.forward(seconds=2)

    first = await either.do("cancelSubscription", "ann", chosen, **sent)
    second = await either.do("cancelSubscription", "ann", chosen, **sent)

    assert first == second
    assert first["subscription"] == {"id": organization["subscription"], "status": "CANCELED"}
    assert await keys(either) == [("cancelSubscription", "k")]


async def test_other_items_under_the_same_key_are_another_input(either: Api) -> None:
    customer = (await either.organization())["customer"]["id"]
    await either.do("subscribe", "ann", customerId=customer, items=[TEAM], idempotencyKey="k")

    other = await either.do("subscribe", "ann", customerId=customer, items=[TEAM | {"quantity": 4}], idempotencyKey="k")

    assert other["errors"] == [MISMATCH]


@pytest.mark.parametrize(("change", "expected"), [(role_of, "FORBIDDEN"), (leaves, "NOT_FOUND")])
async def test_whoever_may_buy_no_longer_gets_no_answer_again(either: Api, change: Any, expected: str) -> None:
    customer = (await either.organization())["customer"]["id"]
    sent = {"customerId": customer, "items": [TEAM], "idempotencyKey": "k"}
    await either.do("subscribe", "ann", **sent)
    await change(either, "ann", *(["ADMIN"] if change is role_of else []))

    answer = await either.try_to("subscribe", "ann", "subscription { id }", **sent)

    payload = answer.body["data"]["subscribe"]
    assert [*answer.codes, *(error["code"] for error in (payload or {"errors": []})["errors"])] == [expected]

"""Keys over GraphQL: made, shown once, listed by those whose they are, and ended."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from domain.db import Base
from domain.scope import ApiScope
from tests.graphql_api.conftest import Serve
from tests.support.adapters import CarefulHost
from tests.support.api import Api, user_error
from tests.support.programs import Program, program
from tests.support.tables import unchanged

KEY = """apiKey { id label scopes createdAt lastUsedAt expiresAt revokedAt organization { id }
    createdBy { __typename ... on User { id } ... on SystemActor { name } } }"""
LISTED = """query($id: ID!, $n: Int, $after: String) { organization(id: $id) {
    apiKeys(first: $n, after: $after) { nodes { id label revokedAt } pageInfo { hasNextPage endCursor } } } }"""
NODE = "query($id: ID!) { node(id: $id) { __typename id ... on ApiKey { label organization { id } } } }"


def wish(organization: Any, **changes: Any) -> dict[str, Any]:
    return {"organizationId": organization["id"], "label": "deploys", "scopes": ["MEMBERS_WRITE"]} | changes


async def create(api: Api, who: str, **input: Any) -> Any:
    return await api.do("createApiKey", who, f"{KEY} secret", **input)


async def test_an_owner_makes_a_key_and_is_shown_its_secret_once(either: Api) -> None:
    acme = await either.organization()
    ends = (either.clock.now() + timedelta(days=30)).isoformat()

    made = await create(
        either, "ann", **wish(acme, scopes=["MEMBERS_WRITE", "AUDIT_READ", "AUDIT_READ"], expiresAt=ends)
    )

    key, secret = made["apiKey"], made["secret"]
    assert made["errors"] == []
    assert key == {
        "id": key["id"],
        "label": "deploys",
        "scopes": ["MEMBERS_WRITE", "AUDIT_READ"],
        "createdAt": "2026-11-21T12:00:00.000000Z",
        "lastUsedAt": None,
        "expiresAt": "2026-12-21T12:00:00.000000Z",
        "revokedAt": None,
        "organization": {"id": acme["id"]},
        "createdBy": {"__typename": "User", "id": await either.user("ann")},
    }
    assert await Program(api=either, id=key["id"], secret=secret).is_known()
    listed = await either.ask(LISTED, "ann", id=acme["id"])
    assert secret not in listed.response.text


async def test_a_replay_makes_no_second_key_and_shows_no_secret(either: Api) -> None:
    acme = await either.organization()

    first = await create(either, "ann", **wish(acme, idempotencyKey="once"))
    again = await create(either, "ann", **wish(acme, idempotencyKey="once"))
    other = await create(either, "ann", **wish(acme, idempotencyKey="once", label="another"))

    assert first["secret"]
    assert again == {"apiKey": first["apiKey"], "secret": None, "errors": []}
    assert [error["code"] for error in other["errors"]] == ["IDEMPOTENCY_MISMATCH"]
    assert len(await either.rows("api_keys")) == 1


async def test_a_replay_is_no_way_to_a_key_that_is_no_longer_yours(api: Api) -> None:
    acme = await api.organization()
    await api.holds(acme["customer"])
    await create(api, "ann", **wish(acme, idempotencyKey="once"))
    bob = await api.join(acme, "bob")
    await api.do("transferOwnership", "ann", organizationId=acme["id"], membershipId=bob)

    again = await create(api, "ann", **wish(acme, idempotencyKey="once"))

    assert (again["apiKey"], [error["code"] for error in again["errors"]]) == (None, ["NOT_FOUND"])


async def test_ending_a_key_is_at_once_for_good_and_twice_no_refusal(either: Api) -> None:
    acme = await either.organization()
    made = await create(either, "ann", **wish(acme))
    bearer = Program(api=either, id=made["apiKey"]["id"], secret=made["secret"])
    assert await bearer.is_known()

    ended = await either.do("revokeApiKey", "ann", KEY, apiKeyId=bearer.id, idempotencyKey="end")
    known = await bearer.is_known()
    either.clock.forward(seconds=1)
    again = await either.do("revokeApiKey", "ann", KEY, apiKeyId=bearer.id)
    replayed = await either.do("revokeApiKey", "ann", KEY, apiKeyId=bearer.id, idempotencyKey="end")

    assert not known
    assert ended["apiKey"]["revokedAt"] == "2026-11-21T12:00:00.000000Z"
    assert {payload["apiKey"]["revokedAt"] for payload in (ended, again, replayed)} == {ended["apiKey"]["revokedAt"]}
    assert [payload["errors"] for payload in (ended, again, replayed)] == [[], [], []]


async def test_the_newest_key_stands_first_and_pages_go_on(api: Api) -> None:
    acme = await api.organization()
    made = []
    for number in range(5):
        made.append((await create(api, "ann", **wish(acme, label=f"key {number}")))["apiKey"]["id"])
        api.clock.forward(seconds=1)
    await api.do("revokeApiKey", "ann", apiKeyId=made[3])

    found, after = [], None
    for _ in range(3):
        page = (await api.ask(LISTED, "ann", id=acme["id"], n=2, after=after)).data["organization"]["apiKeys"]
        found += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]

    assert found == made[::-1]
    assert not page["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize("role", ["ADMIN", "MEMBER"])
async def test_members_below_the_owner_see_no_keys_and_make_none(api: Api, role: str) -> None:
    acme = await api.organization()
    await api.holds(acme["customer"])
    await api.join(acme, "bob", role)
    made = await create(api, "ann", **wish(acme))

    async with unchanged(api.services.database):
        listed = await api.ask(LISTED, "bob", id=acme["id"])
        node = await api.ask(NODE, "bob", id=made["apiKey"]["id"])
        created = await api.try_to("createApiKey", "bob", **wish(acme))
        ended = await api.try_to("revokeApiKey", "bob", apiKeyId=made["apiKey"]["id"])

    assert (listed.codes, listed.body["data"]) == (["FORBIDDEN"], {"organization": {"apiKeys": None}})
    assert node.data == {"node": None}
    assert (created.codes, ended.codes) == (["FORBIDDEN"], ["FORBIDDEN"])


async def test_owners_and_administrators_find_a_key_by_its_id(api: Api) -> None:
    acme = await api.organization()
    made = await create(api, "ann", **wish(acme))
    expected = {
        "__typename": "ApiKey",
        "id": made["apiKey"]["id"],
        "label": "deploys",
        "organization": {"id": acme["id"]},
    }

    assert [(await api.ask(NODE, who, id=made["apiKey"]["id"])).data["node"] for who in ("ann", "ada", "eve")] == [
        expected,
        expected,
        None,
    ]


async def test_host_keys_are_made_seen_and_ended_by_administrators(api: Api) -> None:
    input = {"label": "ops", "scopes": ["ADMIN", "WEBHOOKS_MANAGE", "USERS_WRITE"]}
    await api.user("ann")

    made = await create(api, "ada", **input)
    async with unchanged(api.services.database):
        refused = await api.try_to("createApiKey", "ann", **input)
        unseen = await api.do("revokeApiKey", "ann", apiKeyId=made["apiKey"]["id"])

    assert (made["apiKey"]["organization"], made["errors"]) == (None, [])
    assert refused.codes == ["FORBIDDEN"]
    assert unseen["errors"] == [user_error("NotFound", "NOT_FOUND", "There is no such API key.", "input", "apiKeyId")]
    assert (await api.do("revokeApiKey", "ada", KEY, apiKeyId=made["apiKey"]["id"]))["apiKey"]["revokedAt"]


@pytest.mark.parametrize(
    ("changes", "message", "field"),
    [
        ({"label": " "}, "A label has 1 to 64 printable characters.", "label"),
        ({"scopes": []}, "A key has at least one scope.", "scopes"),
        ({"scopes": ["AUDIT_READ", "ADMIN"]}, "This scope is for host keys alone.", "scopes"),
        ({"expiresAt": "2026-11-21T12:00:00Z"}, "This is not in the future.", "expiresAt"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(api: Api, changes: Any, message: str, field: str) -> None:
    acme = await api.organization()

    async with unchanged(api.services.database):
        refused = await create(api, "ann", **wish(acme, **changes))

    assert refused["errors"] == [user_error("InvalidInput", "INVALID_INPUT", message, "input", field)]
    assert (refused["apiKey"], refused["secret"]) == (None, None)


async def test_where_the_host_asks_for_proofs_a_key_needs_one(serve: Serve) -> None:
    async with serve(auth=CarefulHost()) as api:
        headers = {"x-guest": "ann", "accept": "application/graphql-response+json"}

        async def post(document: str, **variables: Any) -> Any:
            content = {"query": document, "variables": variables}
            return (await api.client.post("/graphql", json=content, headers=headers)).json()["data"]

        mutation = """mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
            secret errors { __typename ... on StepUpRequiredError { action } } } }"""
        found = await post("""mutation { createOrganization(input: {name: "Acme"}) { organization { id } } }""")
        acme = found["createOrganization"]["organization"]
        bare = (await post(mutation, input=wish(acme)))["createApiKey"]
        proven = (await post(mutation, input=wish(acme, stepUp={"word": "right"})))["createApiKey"]

    assert bare == {"secret": None, "errors": [{"__typename": "StepUpRequiredError", "action": "createApiKey"}]}
    assert proven["errors"] == []
    assert proven["secret"]


async def test_what_a_key_has_done_names_the_key(api: Api) -> None:
    acme = await api.organization()
    bearer = await program(api, ApiScope.ADMIN, label="the deployer")
    made = await bearer.ask(
        f"mutation($input: CreateApiKeyInput!) {{ createApiKey(input: $input) {{ {KEY} }} }}", input=wish(acme)
    )
    assert made.data

    events = await api.ask(
        """query($id: ID!) { auditEvents(organizationId: $id, filter: {actions: ["api_key.created"]}) { nodes {
            actorId actorLabel actor { ... on ApiKey { label } } subject { id } subjectLabel } } }""",
        "ada",
        id=acme["id"],
    )

    assert events.data["auditEvents"]["nodes"] == [
        {
            "actorId": bearer.id,
            "actorLabel": "the deployer",
            "actor": {"label": "the deployer"},
            "subject": {"id": made.data["createApiKey"]["apiKey"]["id"]},
            "subjectLabel": "deploys",
        }
    ]


async def test_a_secret_stands_in_no_table_and_in_no_line_of_the_log(
    either: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    acme = await either.organization()
    made = await create(either, "ann", **wish(acme, idempotencyKey="once"))
    bearer = Program(api=either, id=made["apiKey"]["id"], secret=made["secret"])
    await bearer.ask()
    await bearer.ask("{ nonsense")
    await bearer.ask('mutation { leaveOrganization(input: {organizationId: "x"}) { __typename } }')
    await either.do("revokeApiKey", "ann", apiKeyId=bearer.id)
    assert not await bearer.is_known()
    await either.settled()
    await either.services.keys.aclose()

    written = "".join([repr(await either.rows(name)) for name in Base.metadata.tables])

    proof = bearer.secret.rpartition("_")[2]
    assert bearer.id in written
    assert proof not in written
    assert proof not in caplog.text

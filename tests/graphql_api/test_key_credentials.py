"""A key as a credential: wherever a person may show a token, and whatever is wrong with it, one answer."""

import json
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.identity.keys.secret import new_secret
from domain.scope import ApiScope
from graphql_api.guards import context
from tests.graphql_api.conftest import Serve
from tests.support.adapters import Host
from tests.support.api import Api
from tests.support.operating import Browser
from tests.support.programs import ON_BEHALF_OF, Program, program
from tests.support.statements import lost, statements
from tests.support.tables import unchanged

NOBODY = "usr_" + "0" * 32


async def test_a_key_is_the_caller_of_what_it_asks(either: Api) -> None:
    acme = await either.organization()
    bearer = await program(either, ApiScope.AUDIT_READ, ApiScope.MEMBERS_WRITE, of=acme, label="deploys")

    viewer = (await bearer.ask()).data["viewer"]

    assert viewer["administrator"] is False
    assert viewer["actor"] == {"__typename": "ApiKey", "id": bearer.id, "label": "deploys"}
    assert {row.subject for row in await either.rows("users")} == {"ann"}


async def test_the_hosts_key_with_that_scope_is_an_administrator(api: Api) -> None:
    admin, reader = await program(api, ApiScope.ADMIN), await program(api, ApiScope.WEBHOOKS_MANAGE)
    document = "{ driftReport { startedAt } }"

    assert (await admin.ask()).data["viewer"]["administrator"] is True
    assert (await admin.ask(document)).data == {"driftReport": None}
    assert (await reader.ask(document)).codes == ["FORBIDDEN"]


async def wrong_ones(api: Api) -> dict[str, Program]:
    """Make a key of every kind that opens nothing."""
    acme = await api.organization("ann", "Acme")
    gone = await api.organization("ann", "Gone")
    right, revoked = await program(api), await program(api)
    short = await program(api, expires_at=api.clock.now() + timedelta(seconds=1))
    orphan = await program(api, of=gone)
    await api.do("revokeApiKey", "ada", apiKeyId=revoked.id)
    await api.do("deleteOrganization", "ann", organizationId=gone["id"])
    api.clock.forward(seconds=1)

    def spelled(secret: str) -> Program:
        return Program(api=api, id=right.id, secret=secret)

    assert await right.is_known()
    assert await (await program(api, of=acme)).is_known()
    return {
        "revoked": revoked,
        "expired": short,
        "of a deleted organization": orphan,
        "unknown": spelled(new_secret(right.id)),
        "too short": spelled(right.secret[:-1]),
        "too long": spelled(f"{right.secret}0"),
        "upper case": spelled(right.secret.upper().replace("SGK", "sgk")),
        "nothing but the prefix": spelled("sgk_"),
        "with a space": spelled(f"{right.secret} x"),
        "huge": spelled("sgk_" + "0" * 8000),
    }


async def test_whatever_is_wrong_with_a_key_the_answer_is_one_and_the_same(api: Api) -> None:
    wrong = await wrong_ones(api)

    async with unchanged(api.services.database):
        answers = {name: (await bearer.ask()).response for name, bearer in wrong.items()}

    told = {name: (found.status_code, *_without_id(found.headers, found.json())) for name, found in answers.items()}
    assert set(map(json.dumps, told.values())) == {json.dumps(told["unknown"])}
    assert told["unknown"][0] == 401


def _without_id(headers: Any, body: Any) -> tuple[dict[str, str], Any]:
    del body["errors"][0]["extensions"]["requestId"]
    kept = {name: value for name, value in headers.items() if name != "x-request-id" and "ratelimit" not in name}
    return kept, body


async def test_every_key_costs_the_same_single_read_right_or_wrong(api: Api) -> None:
    wrong = await wrong_ones(api)
    by_shape = {"too short", "too long", "upper case", "nothing but the prefix", "with a space", "huge"}

    for name, bearer in wrong.items():
        with statements(api.services.database) as sent:
            await bearer.ask("{ serverInfo { version } }")
        # What is no secret by its shape, which is no secret itself, is not even looked for.
        assert len(sent) == (0 if name in by_shape else 1), name
    right = await program(api)
    with statements(api.services.database) as sent:
        await right.ask("{ serverInfo { version } }")
    assert len(sent) == 1


async def test_two_credentials_are_none(api: Api) -> None:
    bearer = await program(api)
    headers = [("authorization", f"Bearer {bearer.secret}"), ("authorization", f"Bearer {api.token('ann')}")]

    answer = await api.client.post("/graphql", json={"query": "{ serverInfo { version } }"}, headers=headers)

    assert answer.status_code == 401


async def test_without_the_database_a_key_is_not_refused_but_asked_to_come_again(api: Api) -> None:
    bearer = await program(api)

    with lost(api.services.database, "api_keys"):
        answer = await bearer.ask()

    assert (answer.response.status_code, answer.codes) == (503, ["UNAVAILABLE"])


async def test_the_hosts_key_acts_for_a_user(either: Api) -> None:
    ann = await either.user("ann")
    bearer = await program(either, ApiScope.ADMIN, ApiScope.ORGANIZATIONS_READ)

    viewer = (await bearer.ask(on_behalf_of=ann)).data["viewer"]

    assert viewer["administrator"] is False
    assert viewer["actor"]["id"] == bearer.id


@pytest.mark.parametrize("user", ["", "ann", NOBODY, f"{NOBODY}, {NOBODY}", "org_" + "0" * 32])
async def test_to_act_for_nobody_is_refused_and_never_ignored(api: Api, user: str) -> None:
    bearer = await program(api, ApiScope.ADMIN)

    assert not await bearer.is_known(on_behalf_of=user)


async def test_nobody_acts_for_a_user_who_is_being_deleted_or_gone(api: Api) -> None:
    bob = await api.user("bob")
    bearer = await program(api, ApiScope.USERS_WRITE)
    assert (await bearer.ask("{ __typename }", on_behalf_of=bob)).data

    await api.do("deleteUser", "ada", userId=bob)

    assert not await bearer.is_known(on_behalf_of=bob)


async def test_who_is_no_key_of_the_host_acts_for_nobody(api: Api) -> None:
    acme = await api.organization()
    ann = await api.user("ann")
    bearer = await program(api, of=acme)
    document = {"query": "{ serverInfo { version } }"}

    async def status(**headers: str) -> int:
        given = {ON_BEHALF_OF: ann} | headers
        return (await api.client.post("/graphql", json=document, headers=given)).status_code

    assert not await bearer.is_known(on_behalf_of=ann)
    assert await status() == 401
    assert await status(authorization=f"Bearer {api.token('ann')}") == 401
    assert await status(authorization=f"Bearer {api.token('ada')}") == 401


async def test_browsers_may_send_for_whom_a_key_acts(serve: Serve) -> None:
    origin = "https://app.example"
    async with serve(variables={"ALLOWED_ORIGINS": origin}) as api:
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": f"authorization,content-type,{ON_BEHALF_OF}",
        }
        answer = await api.client.options("/graphql", headers=asked)

    assert answer.status_code == 200
    assert ON_BEHALF_OF in answer.headers["access-control-allow-headers"]


async def test_a_host_with_its_own_identity_takes_keys_too_and_never_sees_one(serve: Serve) -> None:
    host = Host()
    async with serve(auth=host) as api:
        bearer = await program(api, ApiScope.ADMIN)

        assert (await bearer.ask()).data["viewer"]["administrator"] is True
        assert not await Program(api=api, id=bearer.id, secret=new_secret(bearer.id)).is_known()

    assert host.asked == []


async def tell(request: Request) -> Response:
    found = await context(request)
    expires = found.expires_at and found.expires_at.isoformat()
    return JSONResponse({"actor": found.caller.actor.id, "expires": expires})


async def test_a_hosts_own_routes_know_keys(serve: Serve) -> None:
    async with serve(routes=[Route("/told", tell)]) as api:
        ends = api.clock.now() + timedelta(days=1)
        bearer = await program(api, expires_at=ends)

        answer = await api.client.get("/told", headers={"authorization": f"Bearer {bearer.secret}"})

    assert answer.json() == {"actor": bearer.id, "expires": ends.isoformat()}


async def test_an_administrators_key_signs_in_to_the_operators_pages_for_as_long_as_it_lives(api: Api) -> None:
    bearer = await program(api, ApiScope.ADMIN, label="the pager", expires_at=api.clock.now() + timedelta(minutes=5))
    reader, browser = await program(api), Browser(api=api, who=None)

    refused = await browser.sign_in(reader.secret)
    signed_in = await browser.sign_in(bearer.secret)
    page = await browser.get("/admin")
    api.clock.forward(minutes=5)
    later = await browser.get("/admin")

    assert (refused.status, signed_in.status) == (403, 303)
    assert (page.status, "the pager" in page.text) == (200, True)
    assert bearer.secret not in signed_in.response.headers["set-cookie"]
    assert "Max-Age=300" in signed_in.response.headers["set-cookie"]
    assert later.status == 303


async def test_a_revoked_key_is_out_of_the_operators_pages_at_once(api: Api) -> None:
    bearer, browser = await program(api, ApiScope.ADMIN), Browser(api=api, who=None)
    await browser.sign_in(bearer.secret)
    assert (await browser.get("/admin")).status == 200

    await api.do("revokeApiKey", "ada", apiKeyId=bearer.id)

    assert (await browser.get("/admin")).status == 303


async def test_when_a_key_was_last_used_can_be_read(api: Api) -> None:
    acme = await api.organization()
    bearer = await program(api, of=acme)
    api.clock.forward(seconds=61)
    await bearer.ask()
    await api.services.keys.aclose()

    found = await api.ask("query($id: ID!) { node(id: $id) { ... on ApiKey { lastUsedAt } } }", "ann", id=bearer.id)

    assert found.data["node"]["lastUsedAt"] == "2026-11-21T12:01:00.000000Z"

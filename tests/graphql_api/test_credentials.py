"""Tokens over HTTP: who is let in, whom they become, and that a refused one leaves no user."""

import base64
import json
from typing import Any

import pytest

from domain.errors import Refused
from tests.graphql_api.conftest import Serve
from tests.support.api import Answer, Api

VIEWER = "{ viewer { actor { ... on User { name email } } administrator } }"


async def ask(api: Api, token: str, document: str = VIEWER) -> Answer:
    headers = {"authorization": f"Bearer {token}", "accept": "application/graphql-response+json"}
    return Answer(response=await api.client.post("/graphql", json={"query": document}, headers=headers))


def unsigned(api: Api) -> str:
    parts = [{"alg": "none"}, {"sub": "ann", "exp": api.now() + 60}, {}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def forged(api: Api, **claims: Any) -> str:
    return api.token("ann", **claims)


@pytest.mark.parametrize(
    "token",
    [
        lambda api: forged(api, exp=api.now()),
        lambda api: forged(api, exp=None),
        lambda api: forged(api, sub=None),
        lambda api: forged(api, sub=""),
        lambda api: forged(api, nbf=api.now() + 60),
        lambda api: forged(api, iat=api.now() + 60),
        lambda api: forged(api, secret="another-secret-that-nobody-has-configured"),
        lambda api: forged(api)[:-2],
        lambda api: "nonsense",
        lambda api: "a.b.c",
        unsigned,
    ],
    ids=["expired", "without exp", "without sub", "blank", "early", "future", "forged", "cut", "word", "abc", "none"],
)
async def test_a_token_that_proves_nothing_is_refused_and_makes_nobody(api: Api, token: Any) -> None:
    answer = await ask(api, token(api))

    assert answer.response.status_code == 401
    assert answer.response.headers["www-authenticate"] == "Bearer"
    assert answer.body == {
        "errors": [
            {
                "message": "A valid credential is required.",
                "extensions": {"code": "UNAUTHENTICATED", "requestId": answer.response.headers["x-request-id"]},
            }
        ]
    }
    assert await api.rows("users") == []


async def test_a_bad_token_is_refused_even_where_none_is_needed(api: Api) -> None:
    answer = await ask(api, "nonsense", "{ serverInfo { version } }")

    assert answer.response.status_code == 401


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, {"name": "Ann", "email": "ann@example.com"}),
        ({"email": "ANN@Example.com"}, {"name": "Ann", "email": "ann@example.com"}),
        ({"email_verified": False}, {"name": "Ann", "email": None}),
        ({"email_verified": "true"}, {"name": "Ann", "email": None}),
        ({"email": None, "name": None}, {"name": None, "email": None}),
    ],
)
async def test_a_token_says_who_somebody_is(api: Api, claims: dict[str, Any], expected: object) -> None:
    answer = await ask(api, api.token("ann", **claims))

    assert answer.data == {"viewer": {"actor": expected, "administrator": False}}


@pytest.mark.parametrize(
    ("scope", "administrator"),
    [("seatgate:admin", True), ("a seatgate:admin b", True), ("seatgate:administrator", False), ("", False)],
)
async def test_the_scope_makes_an_administrator(api: Api, scope: str, administrator: bool) -> None:
    answer = await ask(api, api.token("bob", scope=scope))

    assert answer.data["viewer"]["administrator"] is administrator


async def test_somebody_is_made_once_with_a_customer_and_an_audit_row(either: Api) -> None:
    for _ in range(2):
        await either.user("ann")

    (user,) = await either.rows("users")
    (customer,) = await either.rows("customers")
    (audit,) = await either.rows("audit_events")
    assert customer.owner_id == audit.subject_id == audit.actor_id == user.id
    assert audit.action == "user.registered"


async def test_whom_a_hook_refuses_is_not_let_in(serve: Serve) -> None:
    async def nobody(**_: Any) -> None:
        raise Refused("closed")

    async with serve(hooks={"on_register": nobody}) as api:
        answer = await ask(api, api.token("ann"))

        assert (answer.response.status_code, answer.codes) == (401, ["UNAUTHENTICATED"])
        assert await api.rows("users") == await api.rows("customers") == await api.rows("audit_events") == []


async def test_a_token_of_another_issuer_or_for_another_audience_is_refused(serve: Serve) -> None:
    async with serve(variables={"JWT_ISSUER": "https://id.example", "JWT_AUDIENCE": "seatgate"}) as api:
        claims = {"iss": "https://id.example", "aud": "seatgate"}
        wrong = [{}, claims | {"iss": "https://evil.example"}, claims | {"aud": "other"}, {"aud": "seatgate"}]

        let_in = await ask(api, api.token("ann", **claims))
        refused = [await ask(api, forged(api, **bad)) for bad in wrong]

    assert let_in.data["viewer"]["actor"]["name"] == "Ann"
    assert [answer.response.status_code for answer in refused] == [401] * 4

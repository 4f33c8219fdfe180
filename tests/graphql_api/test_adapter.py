"""A host's own identity over HTTP: whom it lets in, as whom they act, and what it never gets past."""

from typing import Any

import pytest

from domain.errors import ConfigError
from domain.identity import Asking
from tests.graphql_api.conftest import Serve
from tests.support.adapters import Guest, Host
from tests.support.api import Answer, Api

VIEWER = "{ viewer { administrator actor { ... on User { name email subject issuer } } } }"


async def ask(api: Api, *guests: str, document: str = VIEWER, **headers: str) -> Answer:
    sent = [("accept", "application/graphql-response+json"), *headers.items()]
    sent += [("x-guest", guest) for guest in guests]
    return Answer(response=await api.client.post("/graphql", json={"query": document}, headers=sent))


async def test_a_host_lets_its_own_people_in_by_its_own_names(serve: Serve) -> None:
    async with serve(auth=Host(admins={"Ada"})) as api:
        ada, ann = await ask(api, "ada"), await ask(api, "ann")
        rows = {row.subject: row for row in await api.rows("users")}

    assert ada.data["viewer"] == {
        "administrator": True,
        "actor": {"name": "Ada", "email": "ada@example.com", "subject": "Ada-3", "issuer": "host"},
    }
    assert ann.data["viewer"]["administrator"] is False
    assert {name: row.email for name, row in rows.items()} == {"Ada-3": "ada@example.com", "Ann-3": "ann@example.com"}


async def test_tokens_mean_nothing_to_a_host_that_does_not_read_them(serve: Serve) -> None:
    async with serve(auth=Host()) as api:
        answer = await api.ask(VIEWER, "ada")

        assert answer.codes == ["UNAUTHENTICATED"]
        assert await api.rows("users") == []


async def test_without_a_credential_only_what_is_public_answers(serve: Serve) -> None:
    async with serve(auth=Host()) as api:
        private, public = await ask(api), await ask(api, document="{ serverInfo { version } }")

    assert (private.response.status_code, private.codes) == (200, ["UNAUTHENTICATED"])
    assert public.data["serverInfo"]["version"]


async def test_a_credential_that_the_host_refuses_is_401_and_makes_nobody(serve: Serve) -> None:
    async with serve(auth=Host()) as api:
        answer = await ask(api, "nobody")

        assert (answer.response.status_code, answer.codes) == (401, ["UNAUTHENTICATED"])
        assert await api.rows("users") == []


async def test_the_host_sees_the_request_as_plain_values(serve: Serve) -> None:
    host = Host()
    async with serve(auth=host) as api:
        await ask(api, "ann", "bob", Cookie="a=1; b=2")

    (asking,) = host.asked
    assert (asking.path, asking.remote_address) == ("/graphql", "127.0.0.1")
    assert asking.headers["x-guest"] == "ann, bob"
    assert asking.headers["cookie"] == "a=1; b=2"


async def test_two_authorization_headers_are_refused_before_the_host_is_asked(serve: Serve) -> None:
    host = Host()
    headers = [("authorization", "Bearer a"), ("authorization", "Bearer b"), ("x-guest", "ann")]
    async with serve(auth=host) as api:
        answer = await api.client.post("/graphql", json={"query": VIEWER}, headers=headers)

    assert answer.status_code == 401
    assert host.asked == []


class Broken(Host):
    """Fails where it should tell."""

    async def current_user(self, *, asking: Asking) -> Guest | None:
        raise RuntimeError("the directory at 10.0.0.7 is down")


class Careless(Host):
    """Gives no name for its people."""

    async def actor_id(self, *, visitor: Guest) -> str:
        nothing: Any = None
        return str(nothing) if visitor.number == 0 else nothing


@pytest.mark.parametrize("host", [Broken(), Careless()])
async def test_a_host_that_fails_lets_nobody_in_and_its_words_do_not_leave(serve: Serve, host: Host) -> None:
    async with serve(auth=host) as api:
        answer = await ask(api, "ann")

        assert (answer.response.status_code, answer.response.json()) == (500, {"error": "internal"})
        assert await api.rows("users") == []


async def test_a_wrong_adapter_stops_the_start(serve: Serve) -> None:
    with pytest.raises(ConfigError, match="auth: give an instance of Host"):
        async with serve(auth=Host):
            pass

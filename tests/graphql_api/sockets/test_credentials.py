"""Who speaks on a socket: proven like over HTTP, and anew for as long as anything runs."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import strawberry

from domain.errors import Unauthenticated, Unavailable
from domain.identity import Asking, Visitor
from graphql_api.context import Context
from graphql_api.recognition import Shown
from graphql_api.transport.sockets import Terms
from tests.graphql_api import toy
from tests.graphql_api.conftest import Serve
from tests.graphql_api.sockets.toys import Diary, speaking
from tests.support.api import Api
from tests.support.clock import FixedClock
from tests.support.talking import Talk, served, talking

VIEWER = "{ viewer { actor { ... on User { name } } } }"
ANN = [{"data": {"viewer": {"actor": {"name": "Ann"}}}}, None]
FORBIDDEN = (4403, "Forbidden")


@strawberry.type
class Waiting:
    @strawberry.subscription
    async def waiting(self) -> AsyncGenerator[int]:
        yield 1
        await asyncio.Event().wait()


@asynccontextmanager
async def opened(api: Api, who: str | None = "ann", **options: Any) -> AsyncIterator[Talk]:
    async with served(api.app) as address, talking(address, **options) as talk:
        if who is not None:
            assert await talk.introduce(authorization=f"Bearer {api.token(who)}") == {"type": "connection_ack"}
        yield talk


def payloads(said: list[dict[str, Any]]) -> list[Any]:
    return [one.get("payload") for one in said]


async def test_a_credential_comes_with_the_introduction_or_with_the_handshake_or_twice_the_same(api: Api) -> None:
    bearer = f"Bearer {api.token('ann')}"
    async with served(api.app) as address:
        for header, payload in (
            (None, {"authorization": bearer}),
            (None, {"AUTHORIZATION": bearer, "other": ["thing"]}),
            (bearer, {}),
            (bearer, {"Authorization": bearer}),
        ):
            async with talking(address, additional_headers={"authorization": header} if header else {}) as talk:
                await talk.introduce(**payload)

                assert payloads(await talk.ask(VIEWER)) == ANN


async def test_two_different_credentials_are_refused_whoever_they_are(api: Api) -> None:
    ann, bob = (f"Bearer {api.token(who)}" for who in ("ann", "bob"))
    async with opened(api, None, additional_headers={"authorization": ann}) as talk:
        await talk.say({"type": "connection_init", "payload": {"authorization": bob}})

        assert await talk.ended() == FORBIDDEN
    assert await api.rows("users") == []


@pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer x.y.z", "Basic YTpi", "sgk_x"])
async def test_a_credential_that_proves_nothing_closes_the_socket(api: Api, wrong: str) -> None:
    async with served(api.app) as address:
        for headers, payload in (({"authorization": wrong}, {}), ({}, {"authorization": wrong})):
            async with talking(address, additional_headers=headers) as talk:
                await talk.say({"type": "connection_init", "payload": payload})

                assert await talk.ended() == FORBIDDEN


async def test_an_expired_credential_is_refused_at_the_introduction(api: Api) -> None:
    token = api.token("ann", exp=api.now())
    async with opened(api, None) as talk:
        await talk.say({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})

        assert await talk.ended() == FORBIDDEN


async def test_the_anonymous_read_what_is_public_and_nothing_else(serve: Serve) -> None:
    async with serve(subscription=[Waiting]) as api, opened(api, None) as talk:
        await talk.introduce()
        public = await talk.ask("{ __typename serverInfo { version } }")
        refused = [await talk.ask(document) for document in (VIEWER, "subscription { waiting }")]

    assert public[0]["payload"]["data"]["serverInfo"]
    assert refused[0][0]["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert refused[1][0]["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_an_idle_socket_is_closed_when_its_credential_expires(api: Api) -> None:
    async with opened(api) as talk:
        api.clock.forward(hours=1)

        assert await talk.ended() == FORBIDDEN


async def test_a_stream_ends_when_its_credential_expires(serve: Serve) -> None:
    async with serve(subscription=[Waiting]) as api, opened(api) as talk:
        await talk.subscribe("1", "subscription { waiting }")
        first = await talk.hear()
        api.clock.forward(hours=1)

        assert first["payload"] == {"data": {"waiting": 1}}
        assert await talk.ended() == FORBIDDEN


async def test_nothing_is_told_by_a_credential_that_has_expired_meanwhile() -> None:
    diary, clock = Diary(), FixedClock(toy.NOW)
    async with speaking(diary, clock=clock) as talk:
        await talk.subscribe("1", "subscription { steps }")
        first = await talk.hear()
        clock.forward(hours=1)
        diary.may_end.set()

        assert first["payload"] == {"data": {"steps": 1}}
        with pytest.raises(AssertionError, match="4403"):
            await talk.hear()


async def test_whoever_is_deleted_hears_nothing_more(serve: Serve) -> None:
    async with serve(subscription=[Waiting]) as api, opened(api) as talk:
        user = await api.user("ann")
        await talk.subscribe("1", "subscription { waiting }")
        await talk.hear()
        deleted = await api.do("deleteUser", "ada", "deletion { status }", userId=user)

        assert deleted["errors"] == []
        assert await talk.ended() == FORBIDDEN


async def test_whoever_is_deleted_begins_nothing_more_on_an_idle_socket(either: Api) -> None:
    async with opened(either) as talk:
        deleted = await either.do("deleteUser", "ada", "deletion { status }", userId=await either.user("ann"))
        await talk.subscribe("1", 'mutation { createOrganization(input: { name: "Acme" }) { organization { id } } }')

        assert deleted["errors"] == []
        assert await talk.ended() == FORBIDDEN
    assert await either.rows("organizations") == []


async def test_an_idle_socket_is_closed_when_its_caller_is_gone() -> None:
    recognition = Fickle()
    async with speaking(Diary(), recognition=recognition, terms=Terms(idle_proof_seconds=0.01)) as talk:
        recognition.gone = True

        assert await talk.ended() == FORBIDDEN


class Fickle(toy.Recognition):
    """Recognizes whoever `who` names at the moment; nobody when they are `gone`, or while the database is `away`."""

    def __init__(self) -> None:
        super().__init__()
        self.who = "ann"
        self.away = False
        self.gone = False
        self.broken = False
        self.asked = 0

    async def context(self, *, request_id: str, visitor: Shown | None, asking: Asking) -> Context:
        self.asked += 1
        if self.away:
            raise Unavailable
        if self.gone:
            raise Unauthenticated
        if self.broken:
            raise TypeError(toy.DSN)
        return toy.context_of(request_id, replace(visitor, subject=self.who) if isinstance(visitor, Visitor) else None)


async def test_a_credential_that_comes_to_stand_for_somebody_else_closes_the_socket() -> None:
    recognition = Fickle()
    async with speaking(Diary(), recognition=recognition) as talk:
        recognition.who = "bob"
        await talk.subscribe("1", "{ name }")

        assert await talk.ended() == FORBIDDEN


async def test_a_stream_outlives_a_short_time_in_which_nobody_can_prove_anything() -> None:
    recognition, diary = Fickle(), Diary()
    async with speaking(diary, recognition=recognition, terms=Terms(proof_seconds=0.01)) as talk:
        await talk.subscribe("1", "subscription { steps }")
        await talk.hear()
        recognition.away = True
        asked = recognition.asked
        while recognition.asked < asked + 2:  # noqa: ASYNC110 - the recognition is asked once a second
            await asyncio.sleep(0.01)
        [refused] = await talk.ask("{ name }")
        recognition.away = False
        diary.may_end.set()
        second = await talk.hear()

    assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "UNAVAILABLE")
    assert second["payload"] == {"data": {"steps": 2}}


async def test_a_stream_ends_when_nobody_could_prove_its_credential_for_too_long() -> None:
    recognition = Fickle()
    terms = Terms(proof_seconds=0.01, doubt_seconds=0.02)
    async with speaking(Diary(), recognition=recognition, terms=terms) as talk:
        await talk.subscribe("1", "subscription { forever }")
        await talk.hear()
        recognition.away = True

        assert await talk.ended() == (1013, "Try again later")


async def test_a_socket_is_not_acknowledged_while_nobody_can_prove_anything() -> None:
    async with speaking(Diary(), introduced=False) as talk:
        await talk.say({"type": "connection_init", "payload": {"authorization": f"Bearer {toy.token(sub='unlucky')}"}})

        assert await talk.ended() == (1013, "Try again later")


async def test_a_recognition_that_fails_closes_the_socket_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    recognition = Fickle()
    async with speaking(Diary(), recognition=recognition) as talk:
        recognition.broken = True
        await talk.subscribe("1", "{ name }")
        ended = await talk.ended()

    assert ended == (1011, "Internal error")
    assert [record.name for record in caplog.records if record.exc_info] == ["graphql_api.edge"]


async def test_no_credential_is_written_to_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="graphql_api")
    async with opened(api) as talk:
        await talk.ask(VIEWER)

    assert caplog.records
    assert api.token("ann") not in caplog.text

"""The protocol `graphql-transport-ws` to the letter, and every message that is none of it."""

import json
import logging
from typing import Any

import pytest

from graphql_api.transport.sockets import Terms
from tests.graphql_api import toy
from tests.graphql_api.sockets import toys
from tests.graphql_api.sockets.corpus import MALFORMED, Case
from tests.graphql_api.sockets.toys import Diary, speaking
from tests.support.talking import served, talking


def codes(said: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in said["payload"]]


async def refusal(address: str, case: Case) -> tuple[int, str]:
    async with talking(address) as talk:
        if case.introduced:
            await toys.introduce(talk)
        for said in case.said:
            await talk.connection.send(said, text=True if case.claims_text else None)
        return await talk.ended()


async def test_every_malformed_message_closes_with_its_code_and_few_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    application = toys.app(Diary())
    async with served(application) as address:
        ends = {case.name: await refusal(address, case) for case in MALFORMED}
        async with talking(address) as talk:
            await toys.introduce(talk)
            answer = await talk.ask("{ name }")

    assert {name: code for name, (code, _) in ends.items()} == {case.name: case.code for case in MALFORMED}
    assert all(1 <= len(words.encode()) <= 123 for _, words in ends.values())
    assert [record for record in caplog.records if record.exc_info] == []
    assert "Bearer x" not in caplog.text
    assert answer[0]["payload"] == {"data": {"name": "toy"}}
    assert len(application.state.sockets.tallies.sockets) == 0


async def test_a_query_is_told_once_and_completed() -> None:
    async with speaking(Diary()) as talk:
        assert await talk.ask("query($text: String!) { echo(text: $text) }", text="Grüße") == [
            {"id": "asked", "type": "next", "payload": {"data": {"echo": "Grüße"}}},
            {"id": "asked", "type": "complete"},
        ]
        assert (await talk.ask("mutation { touch }"))[0]["payload"] == {"data": {"touch": True}}


async def test_pings_are_answered_before_and_after_the_introduction() -> None:
    async with speaking(Diary(), introduced=False) as talk:
        await talk.say({"type": "ping"})
        before = await talk.hear()
        await talk.say({"type": "connection_init", "payload": None})
        acknowledged = await talk.hear()
        await talk.say({"type": "pong", "payload": {"any": "thing"}})
        await talk.say({"type": "ping", "payload": {"any": "thing"}, "unknown": "key"})
        after = await talk.hear()

    assert (before, acknowledged, after) == ({"type": "pong"}, {"type": "connection_ack"}, {"type": "pong"})


async def test_one_of_several_operations_is_chosen_by_its_name() -> None:
    payload = {"query": 'query A { name } query B { echo(text: "b") }'}
    async with speaking(Diary()) as talk:
        await talk.say({"id": "1", "type": "subscribe", "payload": payload | {"operationName": "B"}})
        named = [await talk.hear(), await talk.hear()]
        await talk.say({"id": "1", "type": "subscribe", "payload": payload})
        unnamed = await talk.hear()

    assert named[0]["payload"] == {"data": {"echo": "b"}}
    assert (unnamed["type"], codes(unnamed)) == ("error", ["BAD_USER_INPUT"])


async def test_an_operation_that_is_completed_ends_and_says_nothing_more() -> None:
    diary = Diary()
    async with speaking(diary) as talk:
        await talk.subscribe("1", "subscription { forever }")
        first = await talk.hear()
        await talk.say({"id": "1", "type": "complete"})
        await diary.until(begun=1, ended=1)
        await talk.say({"id": "1", "type": "complete"})
        await talk.say({"id": "never", "type": "complete"})
        # The same id is free again.
        again = await talk.ask("{ name }", id="1")

    assert first == {"id": "1", "type": "next", "payload": {"data": {"forever": 1}}}
    assert [said["type"] for said in again] == ["next", "complete"]


async def test_an_operation_that_will_not_end_says_nothing_under_the_id_of_the_next() -> None:
    diary = Diary()
    async with speaking(diary) as talk:
        await talk.subscribe("1", "subscription { stubborn }")
        await diary.until(begun=1)
        await talk.say({"id": "1", "type": "complete"})
        again = await talk.ask("{ name }", id="1")
        await diary.until(ended=1)
        rest = await talk.ask("{ name }", id="2")

    assert [said.get("payload") for said in (*again, *rest)] == [{"data": {"name": "toy"}}, None] * 2


async def test_a_second_operation_of_the_same_id_closes_the_socket_and_ends_the_first() -> None:
    diary = Diary()
    async with speaking(diary) as talk:
        await talk.subscribe("1", "subscription { forever }")
        await talk.hear()
        await talk.subscribe("1", "{ name }")

        assert await talk.ended() == (4409, "Subscriber for this id already exists")
        await diary.until(begun=1, ended=1)


async def test_operations_run_beside_each_other() -> None:
    async with speaking(Diary()) as talk:
        await talk.subscribe("stream", "subscription { forever }")
        assert (await talk.hear())["id"] == "stream"
        answer = await talk.ask("{ name }", id="query")

    assert [said["id"] for said in answer] == ["query", "query"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query { item { " + "item { " * 12 + "name" + " }" * 14, "QUERY_TOO_COMPLEX"),
        ("{ " + " ".join(f"a{number}: name" for number in range(31)) + " }", "QUERY_TOO_COMPLEX"),
        ("mutation { " + " ".join(f"a{number}: touch" for number in range(6)) + " }", "QUERY_TOO_COMPLEX"),
        ("{ " + "name " * 2001 + "}", "QUERY_TOO_COMPLEX"),
        ("subscription { ticks forever }", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { name }", "BAD_USER_INPUT"),
    ],
)
async def test_what_is_refused_over_http_is_refused_here_with_its_code(document: str, expected: str) -> None:
    async with speaking(Diary()) as talk:
        [said] = await talk.ask(document)
        after = await talk.ask("{ name }")

    assert (said["type"], codes(said)) == ("error", [expected])
    assert after[0]["type"] == "next"


async def test_no_exception_leaves_and_each_operation_has_a_request_id_of_its_own() -> None:
    asked = ['{ fail(what: "unexpected") }', "{ broken }", "subscription { broken }", '{ buggy(value: "x") }']
    async with speaking(Diary()) as talk:
        heard = [said for document in asked for said in await talk.ask(document)]

    errors = [
        error
        for said in heard
        for error in (said["payload"] if said["type"] == "error" else said.get("payload", {}).get("errors", []))
    ]
    assert toy.DSN not in json.dumps(heard)
    assert [error["message"] for error in errors] == ["Internal error"] * 4
    assert len({error["extensions"]["requestId"] for error in errors}) == 4


async def test_a_stream_that_fails_says_so_and_completes() -> None:
    async with speaking(Diary()) as talk:
        first, failed, last = await talk.ask("subscription { broken }")

    assert first["payload"] == {"data": {"broken": 1}}
    assert failed["payload"]["data"] is None
    assert last == {"id": "asked", "type": "complete"}


async def test_the_anonymous_may_not_introspect() -> None:
    async with speaking(Diary(), introduced=False) as talk:
        await talk.introduce()
        [said] = await talk.ask("{ __schema { types { name } } }")

    assert codes(said) == ["GRAPHQL_VALIDATION_FAILED"]


async def test_whoever_says_nothing_in_time_is_closed() -> None:
    async with speaking(Diary(), introduced=False, terms=Terms(init_seconds=0.1)) as talk:
        await talk.say({"type": "ping"})

        assert await talk.ended() == (4408, "Connection initialisation timeout")


async def test_a_socket_is_closed_when_it_has_been_open_long_enough() -> None:
    diary = Diary()
    async with speaking(diary, terms=Terms(age_seconds=0.3)) as talk:
        await talk.subscribe("1", "subscription { forever }")

        assert await talk.ended() == (1001, "Open too long")
        await diary.until(begun=1, ended=1)

"""How much one caller, one address and one socket may have at once and in a second."""

import json
from contextlib import AsyncExitStack
from typing import Any

from graphql_api.transport.sockets import Terms
from tests.graphql_api import toy
from tests.graphql_api.sockets import toys
from tests.graphql_api.sockets.toys import Diary, speaking
from tests.support.talking import Talk, served, talking


def refusal(said: dict[str, Any]) -> tuple[str, str, int]:
    [error] = said["payload"]
    assert error["extensions"]["requestId"]
    return said["type"], error["extensions"]["code"], error["extensions"]["retryAfterSeconds"]


async def test_the_anonymous_have_few_sockets_for_each_address() -> None:
    diary = Diary()
    async with served(toys.app(diary)) as address, AsyncExitStack() as stack:
        talks = [await stack.enter_async_context(talking(address)) for _ in range(6)]
        for talk in talks[:5]:
            assert await talk.introduce() == {"type": "connection_ack"}
        await talks[5].say({"type": "connection_init"})
        assert await talks[5].ended() == (1013, "Too many sockets")

        # Somebody with a credential is not counted among them.
        async with talking(address) as talk:
            await toys.introduce(talk)
        await talks[0].connection.close()
        await diary.until(closed=3)
        async with talking(address) as talk:
            assert await talk.introduce() == {"type": "connection_ack"}


async def test_a_caller_has_so_many_sockets_whatever_others_have() -> None:
    diary = Diary()
    async with served(toys.app(diary, terms=Terms(sockets_per_caller=2))) as address:
        async with talking(address) as first, talking(address) as second, talking(address) as third:
            await toys.introduce(first)
            await toys.introduce(second)
            await toys.introduce(third, who="bob")
            async with talking(address) as talk:
                await talk.say({"type": "connection_init", "payload": {"authorization": f"Bearer {toy.token()}"}})
                assert await talk.ended() == (1013, "Too many sockets")
        await diary.until(closed=4)
        async with talking(address) as talk:
            await toys.introduce(talk)


async def fill(talk: Talk, name: str, count: int) -> None:
    for number in range(count):
        await talk.subscribe(f"{name}{number}", "subscription { forever }")
        assert (await talk.hear())["type"] == "next"


async def answered(talk: Talk) -> list[dict[str, Any]]:
    """Ask until there is room again: a place is free a moment after what held it has said its last."""
    said = await talk.ask("{ name }")
    while said[0]["type"] == "error":
        said = await talk.ask("{ name }")
    return said


async def test_a_socket_runs_so_many_operations_and_refuses_one_more_as_an_error() -> None:
    diary = Diary()
    async with speaking(diary, terms=Terms(operations_per_socket=3, starts_per_second=1000)) as talk:
        await fill(talk, "s", 3)
        [refused] = await talk.ask("{ name }")
        await talk.say({"id": "s0", "type": "complete"})
        await diary.until(begun=3, ended=1)
        answer = await answered(talk)

    assert refusal(refused) == ("error", "RATE_LIMITED", 1)
    assert [said["type"] for said in answer] == ["next", "complete"]


async def test_what_was_told_to_end_counts_until_it_has() -> None:
    diary = Diary()
    async with speaking(diary, terms=Terms(operations_per_socket=1, starts_per_second=1000)) as talk:
        await talk.subscribe("1", "subscription { lingering }")
        await diary.until(begun=1)
        await talk.say({"id": "1", "type": "complete"})
        [refused] = await talk.ask("{ name }")
        diary.may_end.set()
        await diary.until(begun=1, ended=1)
        await answered(talk)

    assert refusal(refused)[1] == "RATE_LIMITED"


async def test_a_caller_runs_so_many_operations_on_all_sockets_together() -> None:
    terms = Terms(operations_per_caller=3, starts_per_second=1000)
    diary = Diary()
    async with served(toys.app(diary, terms=terms)) as address, talking(address) as first, talking(address) as second:
        await toys.introduce(first)
        await toys.introduce(second)
        await fill(first, "a", 2)
        await fill(second, "b", 1)
        [refused] = await second.ask("{ name }")
        async with talking(address) as other:
            await toys.introduce(other, who="bob")
            assert (await other.ask("{ name }"))[0]["type"] == "next"
        await first.connection.close()
        await diary.until(begun=3, ended=2)
        await answered(second)

    assert refusal(refused) == ("error", "RATE_LIMITED", 1)


async def test_operations_begin_at_a_measured_pace() -> None:
    async with speaking(Diary(), terms=Terms(operations_per_socket=4, starts_per_second=0.01)) as talk:
        said = [(await talk.ask("{ name }"))[0] for _ in range(5)]

    assert [one["type"] for one in said] == ["next"] * 4 + ["error"]
    kind, code, seconds = refusal(said[-1])
    assert (kind, code) == ("error", "RATE_LIMITED")
    assert 90 <= seconds <= 100


async def test_a_flood_of_messages_closes_the_socket() -> None:
    async with speaking(Diary(), terms=Terms(frames_at_once=20, frames_per_second=0.01)) as talk:
        for _ in range(30):
            await talk.say({"type": "pong"})

        assert await talk.ended() == (1008, "Too many messages")


async def test_messages_that_are_refused_for_their_pace_say_so_before_they_are_read() -> None:
    async with speaking(Diary(), introduced=False, terms=Terms(frames_at_once=1, frames_per_second=0.01)) as talk:
        await talk.say({"type": "pong"})
        await talk.say(json.dumps([]))

        assert await talk.ended() == (1008, "Too many messages")

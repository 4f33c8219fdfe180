"""Clients that do not read, do not answer, vanish, or flood: nothing grows, nothing runs on, nobody else waits."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.frames import Frame, Opcode

from graphql_api.transport.sockets import Terms
from graphql_api.transport.sockets.wire import Wire
from tests.graphql_api import toy
from tests.graphql_api.sockets import toys
from tests.graphql_api.sockets.toys import Diary, speaking
from tests.support.talking import served, talking

SIZE = 64 * 1024
MOST_IN_THE_KERNEL = 64 * 1024 * 1024
"""More than the buffers of a connection of this machine with itself can hold."""
IMPATIENT: dict[str, Any] = {"ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}


def frame(opcode: Opcode, data: str | bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data.encode() if isinstance(data, str) else data, fin=fin).serialize(mask=True)


def message(**said: Any) -> bytes:
    return frame(Opcode.TEXT, json.dumps(said))


INTRODUCTION = message(type="connection_init", payload={"authorization": f"Bearer {toy.token()}"})


def subscribing(query: str) -> bytes:
    return message(id="1", type="subscribe", payload={"query": query})


class Rude:
    """A connection of which the test says each byte, and reads none unless it is asked to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))
        async with asyncio.timeout(30):
            await self.writer.drain()

    async def close_code(self) -> int:
        """Read all that is said, until the server closes, and give its code."""
        async with asyncio.timeout(30):
            kind, data = await self._frame()
            while kind is not Opcode.CLOSE:
                kind, data = await self._frame()
        return int.from_bytes(data[:2])

    async def _frame(self) -> tuple[Opcode, bytes]:
        kind, length = await self.reader.readexactly(2)
        if length > 125:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8))
        return Opcode(kind & 0x0F), await self.reader.readexactly(length)


@contextlib.asynccontextmanager
async def dialled(address: str) -> AsyncIterator[Rude]:
    host, port = address.split(":")
    # It keeps as little unread as it can, so that the server notices early.
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        f"GET /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "sec-websocket-protocol: graphql-transport-ws\r\n\r\n".encode()
    )
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        yield Rude(reader, writer)
    finally:
        writer.transport.abort()


def of_conversations() -> list[str]:
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("Conversation", "Running"))]


async def test_a_socket_that_vanishes_leaves_no_task_behind() -> None:
    diary = Diary()
    async with speaking(diary) as talk:
        for number in range(5):
            await talk.subscribe(str(number), "subscription { forever }")
            await talk.hear()
        running = of_conversations()
        talk.connection.transport.abort()
        await diary.until(begun=5, ended=5, closed=1)

        assert len(running) == 3 + 5
        assert of_conversations() == []


async def test_a_client_that_closes_in_order_leaves_no_task_behind() -> None:
    diary = Diary()
    async with speaking(diary) as talk:
        await talk.subscribe("1", "subscription { forever }")
        await talk.hear()
        await talk.connection.close()
        await diary.until(begun=1, ended=1, closed=1)

        assert of_conversations() == []


async def test_for_a_client_that_does_not_read_nothing_is_kept_and_in_the_end_it_is_cut_off() -> None:
    diary = Diary()
    async with served(toys.app(diary, terms=Terms(send_seconds=0.5))) as address, dialled(address) as rude:
        await rude.send(INTRODUCTION, subscribing(f"subscription {{ flood(size: {SIZE}) }}"))
        await diary.until(closed=1)

        assert 1 < diary.told <= MOST_IN_THE_KERNEL // SIZE


async def test_a_client_that_never_reads_what_was_said_last_does_not_keep_its_connection() -> None:
    class Brief(Wire):
        linger_seconds = 0.1

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    lost, diary = asyncio.Event(), Diary()
    async with served(toys.app(diary, terms=Terms(send_seconds=0.5)), ws=Brief) as address, dialled(address) as rude:
        await rude.send(INTRODUCTION, subscribing(f"subscription {{ flood(size: {SIZE}) }}"))
        async with asyncio.timeout(30):
            await lost.wait()


async def test_whoever_reads_late_misses_nothing() -> None:
    diary = Diary()
    async with speaking(diary) as talk:
        await talk.subscribe("1", f"subscription {{ flood(size: {SIZE}, to: 1000) }}")
        heard = [await talk.hear() for _ in range(1001)]

    assert [len(said["payload"]["data"]["flood"]) for said in heard[:-1]] == [SIZE] * 1000
    assert heard[-1]["type"] == "complete"


async def test_a_client_that_answers_no_ping_is_cut_off_although_nothing_is_closed() -> None:
    diary = Diary()
    async with served(toys.app(diary), **IMPATIENT) as address, dialled(address) as rude:
        await rude.send(INTRODUCTION, subscribing("subscription { forever }"))
        await diary.until(begun=1, ended=1, closed=1)


async def test_a_client_that_answers_no_ping_is_cut_off_although_it_has_not_read_what_was_said() -> None:
    diary = Diary()
    async with served(toys.app(diary), **IMPATIENT) as address, dialled(address) as rude:
        await rude.send(INTRODUCTION, subscribing(f"subscription {{ flood(size: {SIZE}) }}"))
        await diary.until(closed=1)

        assert diary.told <= MOST_IN_THE_KERNEL // SIZE


async def test_a_flood_of_pings_closes_the_socket_and_keeps_nobody_else_waiting() -> None:
    for opcode in (Opcode.PING, Opcode.PONG):
        async with served(toys.app(Diary())) as address, talking(address) as talk, dialled(address) as rude:
            await toys.introduce(talk)
            await rude.send(frame(opcode, b"x" * 125) * 60)
            answers = [(await talk.ask("{ name }"))[0]["type"] for _ in range(10)]

            assert await rude.close_code() == 1008
            assert answers == ["next"] * 10


async def test_a_few_pings_are_answered() -> None:
    async with speaking(Diary()) as talk:
        for _ in range(10):
            async with asyncio.timeout(30):
                await (await talk.connection.ping())


async def test_a_message_in_absurdly_many_parts_is_refused() -> None:
    parts = frame(Opcode.TEXT, b"{", fin=False) + frame(Opcode.CONT, fin=False) * 300
    async with served(toys.app(Diary())) as address, dialled(address) as rude:
        await rude.send(parts)

        assert await rude.close_code() == 1009


async def test_a_message_in_a_few_parts_is_read_whole() -> None:
    text = json.dumps({"type": "ping"}).encode()
    parts = [text[at : at + 1] for at in range(len(text))]
    async with served(toys.app(Diary())) as address, dialled(address) as rude:
        await rude.send(
            frame(Opcode.TEXT, parts[0], fin=False),
            *(frame(Opcode.CONT, part, fin=False) for part in parts[1:]),
            frame(Opcode.CONT),
        )
        async with asyncio.timeout(30):
            assert (await rude.reader.readexactly(17))[2:] == b'{"type":"pong"}'


async def test_frames_that_break_the_protocol_of_websockets_close_the_socket_and_no_other() -> None:
    broken = {
        "unmasked": Frame(Opcode.TEXT, b"{}").serialize(mask=False),
        "reserved": b"\xf1" + message(type="ping")[1:],
        "unknown": b"\x83" + message(type="ping")[1:],
        "continued": frame(Opcode.CONT, b"{}"),
        "long": frame(Opcode.TEXT, b"x")[:1] + b"\xff" + (1 << 40).to_bytes(8) + b"mask",
    }
    async with served(toys.app(Diary())) as address, talking(address) as talk:
        await toys.introduce(talk)
        ends = {}
        for name, data in broken.items():
            async with dialled(address) as rude:
                await rude.send(data)
                ends[name] = await rude.close_code()
        answer = await talk.ask("{ name }")

    assert ends == {"unmasked": 1002, "reserved": 1002, "unknown": 1002, "continued": 1002, "long": 1009}
    assert answer[0]["type"] == "next"


async def test_a_flood_of_small_messages_keeps_nobody_else_waiting() -> None:
    flood = frame(Opcode.TEXT, b'{"type":"pong"}') * 20_000
    async with served(toys.app(Diary())) as address, talking(address) as talk, dialled(address) as rude:
        await toys.introduce(talk)
        sending = asyncio.create_task(rude.send(INTRODUCTION, flood))
        answers = [(await talk.ask("{ name }"))[0]["type"] for _ in range(10)]
        code = await rude.close_code()
        with contextlib.suppress(ConnectionError):
            await sending

    assert answers == ["next"] * 10
    assert code == 1008

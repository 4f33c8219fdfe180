"""Connections that are too slow, too large or no HTTP at all, over real sockets: cut, and nobody else has to wait."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from graphql_api import admission, edge
from graphql_api.cli import protocol
from graphql_api.cli.protocol import LARGEST_HEAD, LONGEST_URL, MOST_HEADERS, Connection
from tests.support.listening import listening

GET = b"GET / HTTP/1.1\r\nhost: a\r\n"
SLACK = 20.0
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Hasty(Connection):
    head_seconds = 1.0
    body_seconds = 1.0
    taking_seconds = 1.0


class Few(Connection):
    head_seconds = 3600
    most = 5


async def told(request: Request) -> Response:
    return JSONResponse({name.decode(): value.decode() for name, value in request.scope["headers"]})


async def late(request: Request) -> Response:
    await asyncio.sleep(2.5)
    return PlainTextResponse("at last")


async def read(request: Request) -> Response:
    await asyncio.sleep(2.5)
    return PlainTextResponse(str(len(await request.body())))


async def much(request: Request) -> Response:
    return PlainTextResponse("x" * 20_000_000)


async def trailed(request: Request) -> Response:
    await request.body()
    return await told(request)


@contextlib.contextmanager
def served(kind: type[Connection]) -> Iterator[tuple[str, int]]:
    routes = [Route("/", told), Route("/late", late), Route("/much", much)]
    routes += [Route(path, handler, methods=["POST"]) for path, handler in (("/read", read), ("/trailed", trailed))]
    app = Starlette(routes=routes, middleware=edge.middleware(allowed_hosts=["*"], allowed_origins=[]))
    with listening(app, http=kind, proxy_headers=False) as url:
        parts = urlsplit(url)
        yield parts.hostname or "", parts.port or 0


@pytest.fixture(scope="module")
def usual() -> Iterator[tuple[str, int]]:
    with served(Connection) as address:
        yield address


@pytest.fixture(scope="module")
def hasty() -> Iterator[tuple[str, int]]:
    with served(Hasty) as address:
        yield address


@contextlib.asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[Stream]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read until the server has closed."""
    async with asyncio.timeout(SLACK):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer and leave the connection open."""
    async with asyncio.timeout(SLACK):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(head.split()[1]), await reader.readexactly(length)


async def asked(address: tuple[str, int], request: bytes) -> bytes:
    async with connected(address) as (reader, writer):
        writer.write(request)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        return await rest(reader)


def refusal(written: bytes) -> tuple[int, object]:
    head, _, body = written.partition(b"\r\n\r\n")
    assert b"\r\nx-request-id: " in head
    assert b"\r\nconnection: close" in head
    return int(head.split()[1]), json.loads(body)


async def trickle(address: tuple[str, int], first: bytes) -> bytes:
    """Send a little again and again until the server closes, and give what it says."""
    async with connected(address) as (reader, writer):
        writer.write(first)

        async def go_on() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"a")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        going = asyncio.create_task(go_on())
        said = await rest(reader)
        going.cancel()
        return said


@pytest.mark.parametrize("first", [b"GET /", GET, GET + b"x-slow: "])
async def test_a_head_that_trickles_is_cut(hasty: tuple[str, int], first: bytes) -> None:
    assert refusal(await trickle(hasty, first)) == (408, {"error": "too_slow"})


async def test_a_connection_that_says_nothing_is_cut(hasty: tuple[str, int]) -> None:
    assert refusal(await asked(hasty, b"")) == (408, {"error": "too_slow"})


async def test_empty_lines_keep_no_connection_open(hasty: tuple[str, int]) -> None:
    async with connected(hasty) as (reader, writer):
        writer.write(GET + b"\r\n")
        assert (await answer(reader))[0] == 200

        async def go_on() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        going = asyncio.create_task(go_on())
        said = await rest(reader)
        going.cancel()
    assert refusal(said) == (408, {"error": "too_slow"})


async def test_fifty_that_trickle_keep_nobody_from_being_served_and_are_all_cut(hasty: tuple[str, int]) -> None:
    slow = [asyncio.create_task(trickle(hasty, GET)) for _ in range(50)]
    served = [await asked(hasty, GET + b"connection: close\r\n\r\n") for _ in range(10)]

    assert {int(said.split()[1]) for said in served} == {200}
    assert {refusal(said)[0] for said in await asyncio.gather(*slow)} == {408}


async def test_half_a_request_behind_another_takes_that_ones_answer_from_nobody(hasty: tuple[str, int]) -> None:
    said = await trickle(hasty, b"GET /late HTTP/1.1\r\nhost: a\r\n\r\n" + GET)

    assert (int(said.split()[1]), said.rpartition(b"\r\n\r\n")[2]) == (200, b"at last")


async def test_a_body_that_trickles_is_cut_though_nobody_reads_it(hasty: tuple[str, int]) -> None:
    said = await trickle(hasty, b"POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n")

    assert int(said.split()[1]) == 404


async def test_a_body_that_waits_for_us_is_not_cut(hasty: tuple[str, int]) -> None:
    body = b"x" * 3_000_000
    async with connected(hasty) as (reader, writer):
        writer.write(b"POST /read HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

        assert await answer(reader) == (200, b"3000000")


async def test_a_client_that_takes_nothing_of_its_answer_is_cut(hasty: tuple[str, int]) -> None:
    async with connected(hasty) as (reader, writer):
        writer.write(b"GET /much HTTP/1.1\r\nhost: a\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(2.5)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        said = await rest(reader)

    assert 0 < len(said) < 20_000_000


async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(hasty: tuple[str, int]) -> None:
    received = 0
    async with connected(hasty) as (reader, writer):
        writer.write(b"GET /much HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        async with asyncio.timeout(SLACK):
            while part := await reader.read(1_000_000):
                received += len(part)
                await asyncio.sleep(0.1)

    assert received > 20_000_000


@pytest.mark.parametrize(
    ("request_head", "expected"),
    [
        (b"GET /" + b"a" * LONGEST_URL + b" HTTP/1.1\r\n", (414, {"error": "url_too_long"})),
        (GET + b"x: " + b"a" * LARGEST_HEAD + b"\r\n\r\n", (431, {"error": "headers_too_large"})),
        (GET + b"x: a\r\n" * MOST_HEADERS + b"\r\n", (431, {"error": "headers_too_large"})),
        (GET + b"x: " + b"a" * (LONGEST_URL + LARGEST_HEAD), (431, {"error": "headers_too_large"})),
        (b"nonsense\r\n\r\n", (400, {"error": "bad_request"})),
        (b"\x16\x03\x01\x02\x00\x01\x00", (400, {"error": "bad_request"})),
        (GET + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", (400, {"error": "bad_request"})),
        (GET + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", (400, {"error": "bad_request"})),
        (GET + b"content-length: -5\r\n\r\n", (400, {"error": "bad_request"})),
    ],
)
async def test_a_head_that_is_too_large_or_none_is_refused_before_anything_else(
    usual: tuple[str, int], request_head: bytes, expected: tuple[int, object]
) -> None:
    assert refusal(await asked(usual, request_head)) == expected


async def test_as_much_as_is_allowed_is_served(usual: tuple[str, int]) -> None:
    many = b"".join(b"x-%d: a\r\n" % number for number in range(MOST_HEADERS - 2))
    long = b"x: " + b"a" * (LARGEST_HEAD - 100) + b"\r\n"
    url = b"GET /?" + b"a" * (LONGEST_URL - 2) + b" HTTP/1.1\r\nhost: a\r\n"

    for head in (GET + many, GET + long, url):
        assert (await asked(usual, head + b"connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_limits_are_counted_for_each_request_anew(usual: tuple[str, int]) -> None:
    async with connected(usual) as (reader, writer):
        for _ in range(5):
            writer.write(GET + b"x: " + b"a" * (LARGEST_HEAD // 2) + b"\r\n\r\n")
            assert (await answer(reader))[0] == 200


async def test_what_comes_after_a_body_is_no_header(usual: tuple[str, int]) -> None:
    async with connected(usual) as (reader, writer):
        writer.write(
            b"POST /trailed HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
            b"2\r\nab\r\n0\r\nx-forwarded-for: 1.1.1.1\r\nauthorization: Bearer x\r\n\r\n"
        )
        status, body = await answer(reader)

    assert (status, json.loads(body)) == (200, {"host": "a", "transfer-encoding": "chunked"})


async def test_a_nonsense_body_is_refused_and_nonsense_behind_an_unanswered_request_is_no_answer_to_it(
    usual: tuple[str, int],
) -> None:
    chunked = b"POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n"

    assert refusal(await asked(usual, chunked)) == (400, {"error": "bad_request"})
    assert await asked(usual, b"GET /late HTTP/1.1\r\nhost: a\r\n\r\nnonsense\r\n\r\n") == b""


async def test_of_too_many_connections_the_one_that_has_waited_longest_makes_room() -> None:
    with served(Few) as address:
        async with contextlib.AsyncExitStack() as stack:
            waiting = []
            for _ in range(5):
                waiting.append(await stack.enter_async_context(connected(address)))
                waiting[-1][1].write(GET)
                await waiting[-1][1].drain()
                await asyncio.sleep(0.05)
            said = await asked(address, GET + b"connection: close\r\n\r\n")

            assert said.startswith(b"HTTP/1.1 200 ")
            assert await rest(waiting[0][0]) == b""
            for reader, writer in waiting[1:]:
                writer.write(b"\r\n")
                assert (await answer(reader))[0] == 200


def test_the_limits_are_what_the_guide_says() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    told = [row.split(" | ")[1] for row in guide.partition("| what | limit |")[2].splitlines()[2:11]]

    assert told == [
        f"{protocol.HEAD_SECONDS:g} s",
        f"{LONGEST_URL // 1024} KiB",
        f"{MOST_HEADERS}, {LARGEST_HEAD // 1024} KiB",
        f"{admission.BODY_SECONDS:g} s",
        f"{admission.MOST_AT_ONCE}",
        f"{admission.RESPONSE_SECONDS:g} s",
        f"{protocol.LEAST_TAKEN // 1024} KiB in {protocol.TAKING_SECONDS:g} s",
        "5 s",
        f"{protocol.MOST_CONNECTIONS}",
    ]
    assert admission.BODY_SECONDS < protocol.BODY_SECONDS

"""Who may open a socket at all: origins, hosts, the protocol, and how many there are already."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.datastructures import Headers
from websockets.exceptions import InvalidStatus

from graphql_api.transport.sockets import Terms
from graphql_api.transport.sockets.handshake import is_welcome
from tests.graphql_api.sockets import toys
from tests.graphql_api.sockets.toys import Diary
from tests.support.talking import served, talking

ALLOWED = ("https://app.example", "https://other.example:8443")


@pytest.mark.parametrize(
    ("origin", "scheme", "welcome"),
    [
        (None, "wss", True),
        ("https://seatgate.example", "wss", True),
        ("https://SEATGATE.example", "wss", True),
        ("https://seatgate.example:443", "wss", True),
        ("https://seatgate.example", "ws", True),
        ("http://seatgate.example", "ws", True),
        ("http://seatgate.example", "wss", False),
        ("https://seatgate.example:8443", "wss", False),
        ("https://app.example", "wss", True),
        ("https://app.example", "ws", True),
        ("https://other.example:8443", "wss", True),
        ("https://other.example", "wss", False),
        ("http://app.example", "wss", False),
        ("https://app.example.evil.example", "wss", False),
        ("https://evil.example", "wss", False),
        ("https://seatgate.example.evil.example", "wss", False),
        ("https://evil.example/seatgate.example", "wss", False),
        ("https://seatgate.example@evil.example", "wss", False),
        ("https://user@seatgate.example", "wss", False),
        ("https://seatgate.example/", "wss", False),
        ("https://seatgate.example:port", "wss", False),
        ("https://[seatgate.example", "wss", False),
        ("null", "wss", False),
        ("", "wss", False),
        ("file://", "wss", False),
        ("httpx://seatgate.example", "wss", False),
        ("seatgate.example", "wss", False),
        ("https://", "wss", False),
    ],
)
def test_a_page_may_open_a_socket_from_its_own_host_and_from_allowed_origins(
    origin: str | None, scheme: str, welcome: bool
) -> None:
    headers = {"host": "seatgate.example"} | ({} if origin is None else {"origin": origin})

    assert is_welcome(Headers(headers), scheme=scheme, allowed=ALLOWED) is welcome


def test_a_host_is_compared_with_its_port_and_a_second_origin_is_refused() -> None:
    own = {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}
    twice = Headers(raw=[(b"host", b"a.example"), (b"origin", b"https://a.example"), (b"origin", b"https://a.example")])

    assert is_welcome(Headers(own), scheme="ws", allowed=())
    assert not is_welcome(Headers(own | {"origin": "http://127.0.0.1"}), scheme="ws", allowed=())
    assert not is_welcome(Headers(own | {"host": ""}), scheme="ws", allowed=())
    assert not is_welcome(Headers({"origin": "https://a.example"}), scheme="ws", allowed=())
    assert not is_welcome(twice, scheme="wss", allowed=("https://a.example",))


async def refused(address: str, **options: Any) -> tuple[int, bytes, Mapping[str, str]]:
    with pytest.raises(InvalidStatus) as refusal:
        async with talking(address, **options):
            pass
    response = refusal.value.response
    return response.status_code, bytes(response.body), dict(response.headers)


async def test_a_foreign_page_is_refused_before_the_socket_is_accepted() -> None:
    async with served(toys.app(Diary(), origins=["https://app.example"])) as address:
        for origin in ("https://evil.example", "null"):
            status, body, headers = await refused(address, origin=origin)

            assert (status, body) == (403, b'{"error":"forbidden"}')
            assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])

        for origin in ("https://app.example", f"http://{address}"):
            async with talking(address, origin=origin) as talk:
                await toys.introduce(talk)


async def test_no_other_protocol_is_spoken() -> None:
    async with served(toys.app(Diary())) as address:
        for offered in (None, ["graphql-ws"], ["graphql-transport-ws2"], ["GRAPHQL-TRANSPORT-WS"]):
            status, body, _ = await refused(address, subprotocols=offered)

            assert (status, body) == (400, b'{"error":"subprotocol_not_acceptable"}')

        async with talking(address, subprotocols=["graphql-ws", "graphql-transport-ws"]) as talk:
            assert talk.connection.subprotocol == "graphql-transport-ws"


async def test_hosts_that_are_not_ours_are_refused_and_other_paths_are_nobodys() -> None:
    async with served(toys.app(Diary(), hosts=["seatgate.example"])) as address:
        assert (await refused(address))[0] == 400
    async with served(toys.app(Diary(), hosts=["127.0.0.1"])) as address:
        assert (await refused(address, path="/other"))[0] == 403
        async with talking(address) as talk:
            await toys.introduce(talk)


async def test_two_credentials_in_one_handshake_are_refused() -> None:
    twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
    async with served(toys.app(Diary())) as address:
        status, body, headers = await refused(address, additional_headers=twice)

    assert (status, body) == (401, b'{"error":"unauthenticated"}')
    assert headers["www-authenticate"] == "Bearer"


async def test_every_handshake_is_answered_with_a_request_id_and_nothing_is_compressed() -> None:
    named = {"x-request-id": "mine_1"}
    async with served(toys.app(Diary())) as address, talking(address, additional_headers=named) as talk:
        response = talk.connection.response

    assert response is not None
    assert response.headers["x-request-id"] == "mine_1"
    assert "sec-websocket-extensions" not in response.headers


async def test_strangers_take_no_more_places_than_they_may_and_give_them_back() -> None:
    diary = Diary()
    async with served(toys.app(diary, terms=Terms(strangers_per_address=2))) as address:
        async with talking(address) as first, talking(address):
            status, body, headers = await refused(address)
            assert (status, body, headers["retry-after"]) == (503, b'{"error":"too_many_sockets"}', "1")

            # Whoever has introduced themselves is no stranger.
            await toys.introduce(first)
            async with talking(address):
                pass
        await diary.until(closed=4)
        async with talking(address), talking(address):
            pass


async def test_a_process_keeps_so_many_sockets_and_no_more() -> None:
    diary = Diary()
    async with served(toys.app(diary, terms=Terms(sockets=1))) as address:
        async with talking(address) as talk:
            await toys.introduce(talk)
            assert (await refused(address))[0] == 503
        await diary.until(closed=2)
        async with talking(address) as talk:
            await toys.introduce(talk)

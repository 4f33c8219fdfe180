"""Whom a request comes from: the client behind proxies that are trusted, and never what a stranger says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from graphql_api import auth, edge
from graphql_api.addresses import MOST_PROXIES, TrustedProxies, neighbourhood, read
from graphql_api.app import create_app
from graphql_api.cli import serving
from tests.support import api
from tests.support.api import make_settings
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.listening import listening
from tests.support.sockets import connect

PROXIES = ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32")
FORM = "application/x-www-form-urlencoded"


def shown(connection: HTTPConnection) -> dict[str, object]:
    return {"from": auth.asking_of(connection).remote_address, "scheme": connection.scope["scheme"]}


async def show(request: Request) -> Response:
    return JSONResponse(shown(request))


async def show_socket(socket: WebSocket) -> None:
    await socket.accept(headers=[(name.encode(), str(value).encode()) for name, value in shown(socket).items()])
    await socket.close()


def app(proxies: Sequence[str] = PROXIES) -> Starlette:
    layers = edge.middleware(allowed_hosts=["*"], allowed_origins=[], trusted_proxies=proxies)
    return Starlette(routes=[Route("/", show), WebSocketRoute("/socket", show_socket)], middleware=layers)


async def seen(peer: str, *headers: tuple[str, str], proxies: Sequence[str] = PROXIES) -> Any:
    transport = httpx.ASGITransport(app(proxies), client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://seatgate.example") as client:
        return (await client.get("/", headers=list(headers))).json()


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.1.1.1, 192.0.2.7", "203.0.113.9"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2a00::1]:4711", "2a00::1"),
        ("2A00:0:0::0001", "2a00::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:10.1.1.1", "10.1.1.1"),
        ("203.0.113.9,2001:db8::1", "203.0.113.9"),
        ("", "10.0.0.1"),
        (" , ", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("_hidden, 10.1.1.1", "10.1.1.1"),
        ("203.0.113.9, unknown", "10.0.0.1"),
        ("203.0.113.9, 10.0.0.256", "10.0.0.1"),
        ("fe80::1%eth0", "10.0.0.1"),
        ("'; DROP TABLE users; --", "10.0.0.1"),
    ],
)
async def test_the_rightmost_whom_nobody_trusts_is_the_client(forwarded: str, client: str) -> None:
    assert (await seen("10.0.0.1", ("x-forwarded-for", forwarded)))["from"] == client


async def test_several_lines_are_one_chain() -> None:
    lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "10.3.3.3")]

    assert (await seen("10.0.0.1", *lines))["from"] == "203.0.113.9"


async def test_a_chain_of_proxies_is_followed_so_far_and_no_further() -> None:
    chain = ", ".join(["203.0.113.9", *["10.1.1.1"] * (MOST_PROXIES - 1)])

    assert (await seen("10.0.0.1", ("x-forwarded-for", chain)))["from"] == "203.0.113.9"
    assert (await seen("10.0.0.1", ("x-forwarded-for", f"{chain}, 10.1.1.1")))["from"] == "10.1.1.1"


@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.1", "::1", "2001:db9::1", "11.0.0.1"])
async def test_what_strangers_forward_is_not_looked_at(peer: str) -> None:
    spoofed = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")]

    assert await seen(peer, *spoofed) == {"from": peer, "scheme": "http"}


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1"])
async def test_without_a_setting_nobody_is_trusted(peer: str) -> None:
    spoofed = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https")]

    assert await seen(peer, *spoofed, proxies=()) == {"from": peer, "scheme": "http"}


@pytest.mark.parametrize("name", ["forwarded", "x-real-ip", "x-client-ip", "x-forwarded-host", "true-client-ip"])
async def test_no_other_header_says_who_it_is(name: str) -> None:
    assert (await seen("10.0.0.1", (name, "for=1.1.1.1")))["from"] == "10.0.0.1"


async def test_a_trusted_proxy_that_is_seen_over_a_socket_of_both_kinds_is_known() -> None:
    assert (await seen("::ffff:10.0.0.1", ("x-forwarded-for", "203.0.113.9")))["from"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("said", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http", "http"), ("http, https", "https"), ("ftp", "http"), ("", "http")],
)
async def test_the_nearest_proxy_says_how_it_was_reached(said: str, scheme: str) -> None:
    assert (await seen("10.0.0.1", ("x-forwarded-proto", said)))["scheme"] == scheme


@pytest.mark.parametrize(("networks", "client"), [(["127.0.0.1/32"], "203.0.113.9"), (["10.0.0.0/8"], "127.0.0.1")])
async def test_a_socket_is_seen_as_a_request_is(networks: list[str], client: str) -> None:
    headers = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}

    accepted = (await connect(app(networks), "/socket", headers))[0]

    told = dict(accepted["headers"])
    assert (told[b"from"], told[b"scheme"]) == (client.encode(), b"wss" if client == "203.0.113.9" else b"ws")


@pytest.mark.parametrize(("trusted", "client"), [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")])
def test_our_own_server_believes_nobody_on_its_machine_unless_told_to(
    sqlite: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: str, client: str
) -> None:
    # What uvicorn would listen to.
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    variables = {"TRUSTED_PROXIES": trusted} if trusted else {}
    settings = make_settings(sqlite.fresh(tmp_path), tmp_path, **variables)
    options = {name: value for name, value in serving.options(settings).items() if name in {"http", "proxy_headers"}}

    with listening(create_app(settings, routes=[Route("/shown", show)]), **options) as url:
        answer = httpx.get(f"{url}/shown", headers={"x-forwarded-for": "203.0.113.9"})

    assert answer.json()["from"] == client


async def test_a_connection_without_an_address_is_trusted_by_nobody() -> None:
    reached: list[Any] = []

    async def inner(scope: Any, *_: Any) -> None:
        reached.append(scope["client"])

    layer = TrustedProxies(inner, networks=["0.0.0.0/1"])
    for client in (None, ("/run/seatgate.sock", 0)):
        scope: Any = {"type": "http", "client": client, "scheme": "http", "headers": [(b"x-forwarded-for", b"1.1.1.1")]}
        await layer(scope, None, None)  # type: ignore[arg-type]

    assert reached == [None, ("/run/seatgate.sock", 0)]


ADDRESSES = st.ip_addresses().map(str)


@given(st.lists(ADDRESSES | st.text(max_size=12), max_size=5), ADDRESSES)
def test_nothing_that_a_client_says_hides_where_it_is(said: list[str], true: str) -> None:
    layer = TrustedProxies(app(()), networks=["10.0.0.0/8"])
    proxy, own = read("10.0.0.1"), read(true)
    assert proxy
    assert own

    if not layer.trusts(own):
        assert layer.client(proxy, [*said, true]) == own


@given(st.text(max_size=50) | ADDRESSES)
def test_reading_gives_an_address_or_nothing(text: str) -> None:
    found = read(text)

    assert found is None or read(str(found)) == found


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2a00:1:2:3:4:5:6:7", "2a00:1:2:3::/64"),
        ("2a00:1:2:3::", "2a00:1:2:3::/64"),
        ("::1", "::/64"),
        ("/run/seatgate.sock", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_limit_counts_an_address_or_half_of_one(address: str | None, place: str) -> None:
    assert neighbourhood(address) == place


async def tries(
    sqlite: Sqlite, folder: Path, clock: FixedClock, peers: Sequence[tuple[str, str]], proxies: str
) -> list[int]:
    """Sign in with nonsense once for each peer and what it forwards, and give the answers' statuses."""
    statuses = []
    async with api.serving(sqlite.fresh(folder), folder, clock, {"TRUSTED_PROXIES": proxies}) as here:
        for peer, forwarded in peers:
            transport = httpx.ASGITransport(here.app, client=(peer, 1))
            headers = {"sec-fetch-site": "same-origin", "content-type": FORM, "x-forwarded-for": forwarded}
            async with httpx.AsyncClient(transport=transport, base_url="http://seatgate.example") as client:
                statuses.append((await client.post("/admin/sign-in", content=b"token=x", headers=headers)).status_code)
    return statuses


async def test_tries_to_sign_in_are_counted_for_each_client_behind_a_proxy(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    peers = [("10.0.0.1", "198.51.100.1")] * 31 + [("10.0.0.1", "198.51.100.2")]

    assert await tries(sqlite, tmp_path, clock, peers, "10.0.0.1") == [401] * 30 + [429, 401]


async def test_a_stranger_who_forwards_another_address_each_time_is_counted_as_one(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    peers = [("198.51.100.9", f"198.51.100.{number}") for number in range(31)]

    assert await tries(sqlite, tmp_path, clock, peers, "10.0.0.1") == [401] * 30 + [429]


async def test_a_whole_network_of_ipv6_is_counted_as_one(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    peers = [(f"2a00:1:2:3::{number:x}", "") for number in range(31)]

    assert await tries(sqlite, tmp_path, clock, peers, "10.0.0.1") == [401] * 30 + [429]

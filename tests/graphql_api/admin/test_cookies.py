"""The cookie of who has signed in, on requests that nobody serves."""

from datetime import datetime, timedelta
from http.cookies import SimpleCookie

import pytest
from starlette.requests import Request
from starlette.responses import Response

from domain.errors import InvalidInput
from graphql_api.admin.cookies import Cookies
from tests.support.clock import FixedClock

KEYS = ("a-key-for-tests-that-seals-every-cookie", "another-key-for-tests-that-is-an-old-one")
TOKEN = "header.claims.signature"


def request(cookies: str = "", *, scheme: str = "https", host: str = "seatgate.example") -> Request:
    headers = [(b"host", host.encode()), (b"cookie", cookies.encode())]
    return Request({"type": "http", "scheme": scheme, "path": "/admin", "query_string": b"", "headers": headers})


def jar(clock: FixedClock, *keys: str, development: bool = True) -> Cookies:
    return Cookies(secret_keys=keys or KEYS, clock=clock, development=development)


def put(cookies: Cookies, asked: Request | None = None, expires_at: datetime | None = None, token: str = TOKEN) -> str:
    response = Response()
    cookies.put(response, asked or request(), token, expires_at=expires_at)
    return response.headers["set-cookie"]


def sent_back(cookie: str) -> str:
    return cookie.partition(";")[0]


def test_what_was_put_in_comes_out_and_cannot_be_read_on_the_way(clock: FixedClock) -> None:
    cookie = put(jar(clock))

    assert jar(clock).take(request(sent_back(cookie))) == TOKEN
    assert not any(part in cookie for part in TOKEN.split("."))


def test_the_cookie_is_for_this_host_over_tls_and_for_no_script(clock: FixedClock) -> None:
    [(name, morsel)] = SimpleCookie(put(jar(clock))).items()

    assert name == "__Host-seatgate-admin"
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, True, "strict", "/")
    assert morsel["domain"] == ""


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_only_who_develops_on_the_same_machine_needs_no_tls(clock: FixedClock, host: str) -> None:
    here = request(scheme="http", host=host)

    assert put(jar(clock), here).startswith("seatgate-admin=")
    assert "Secure" not in put(jar(clock), here)
    assert "Secure" in put(jar(clock, development=False), here)
    assert "Secure" in put(jar(clock), request(scheme="https", host=host))
    assert "Secure" in put(jar(clock), request(scheme="http", host=f"{host}.evil.example"))


def test_a_cookie_of_the_plain_name_counts_for_nothing_where_tls_is_asked_for(clock: FixedClock) -> None:
    plain = sent_back(put(jar(clock), request(scheme="http", host="localhost")))

    assert jar(clock).take(request(plain, scheme="http", host="localhost")) == TOKEN
    assert jar(clock).take(request(plain)) is None
    assert jar(clock, development=False).take(request(plain, scheme="http", host="localhost")) is None


@pytest.mark.parametrize(
    ("expires_in", "lives"),
    [
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(hours=12), timedelta(hours=12)),
        (timedelta(days=7), timedelta(hours=12)),
        (None, timedelta(hours=12)),
    ],
)
def test_it_ends_with_the_token_and_after_twelve_hours_at_most(
    clock: FixedClock, expires_in: timedelta | None, lives: timedelta
) -> None:
    cookie = put(jar(clock), expires_at=None if expires_in is None else clock.now() + expires_in)

    assert f"Max-Age={int(lives.total_seconds())};" in cookie
    clock.forward(seconds=lives.total_seconds() - 1)
    assert jar(clock).take(request(sent_back(cookie))) == TOKEN
    clock.forward(seconds=1)
    assert jar(clock).take(request(sent_back(cookie))) is None


def test_the_first_key_seals_and_every_key_opens(clock: FixedClock) -> None:
    old, new = sent_back(put(jar(clock, KEYS[1]))), sent_back(put(jar(clock)))

    assert jar(clock).take(request(old)) == TOKEN
    assert jar(clock, KEYS[0]).take(request(new)) == TOKEN
    assert jar(clock, KEYS[1]).take(request(new)) is None


@pytest.mark.parametrize(
    "value", ["", "x", "a.b.c.d.e", "....", "...", ".AA.AA.AA", "\x00", "\xff", "x" * 5000, "e30.AA.AA.AA.AA"]
)
def test_what_we_have_not_sealed_is_nothing(clock: FixedClock, value: str) -> None:
    assert jar(clock).take(request(f"__Host-seatgate-admin={value}")) is None


def test_a_cookie_that_was_changed_anywhere_is_nothing(clock: FixedClock) -> None:
    name, _, value = sent_back(put(jar(clock))).partition("=")
    for place in range(0, len(value), 7):
        other = "A" if value[place] != "A" else "B"
        changed = value[:place] + other + value[place + 1 :]
        assert jar(clock).take(request(f"{name}={changed}")) is None


def test_a_token_that_no_browser_would_keep_is_refused(clock: FixedClock) -> None:
    response = Response()

    with pytest.raises(InvalidInput):
        jar(clock).put(response, request(), "x" * 4000, expires_at=None)
    assert "set-cookie" not in response.headers


def test_clearing_takes_the_same_cookie_away(clock: FixedClock) -> None:
    response = Response()
    jar(clock).clear(response, request())

    cookie = response.headers["set-cookie"]
    assert cookie.startswith('__Host-seatgate-admin="";')
    assert "Max-Age=0;" in cookie
    assert "Secure" in cookie

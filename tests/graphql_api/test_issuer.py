"""How an issuer's keys are kept: fetched seldom, renewed beside the work, and for how long they count without it."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Unauthenticated, Unavailable
from domain.telemetry import Metric
from graphql_api.auth.issuer import LARGEST_BYTES, Issuer
from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.issuers import Publisher, document, entry, key, ok, publishing, token
from tests.support.waiting import at_once
from tests.support.watching import Watched

NEW = key(which="new")
GOOD, ROTATED = token(header={"kid": "a"}), token(NEW, header={"kid": "new"})
VIEWER = "{ viewer { actor { ... on User { email } } } }"


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as publisher:
        yield publisher


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
async def issuer(publisher: Publisher, clock: FixedClock, watched: Watched) -> AsyncIterator[Issuer]:
    issuer = Issuer(publisher.url, clock=clock, telemetry=watched.telemetry)
    yield issuer
    await issuer.aclose()


async def settled(issuer: Issuer) -> None:
    if issuer._fetch is not None:
        await issuer._fetch


async def refuse(issuer: Issuer, text: str = GOOD) -> None:
    with pytest.raises(Unauthenticated):
        await issuer.claims(text)


async def test_keys_are_fetched_once_and_then_no_check_waits(issuer: Issuer, publisher: Publisher) -> None:
    assert (await issuer.claims(GOOD))["sub"] == "ann"

    for _ in range(100):
        assert at_once(issuer.claims(GOOD))
    assert publisher.asked == 1


async def test_the_address_is_asked_as_it_was_given(issuer: Issuer, publisher: Publisher) -> None:
    await issuer.claims(GOOD)

    [head] = publisher.heads
    assert head.startswith(b"GET /keys?tenant=a HTTP/1.1\r\n")
    assert b"authorization" not in head.lower()
    assert b"cookie" not in head.lower()


async def test_everybody_who_comes_at_once_waits_for_one_fetch(issuer: Issuer, publisher: Publisher) -> None:
    publisher.may.clear()
    waiting = [asyncio.create_task(issuer.claims(GOOD)) for _ in range(50)]
    await asyncio.sleep(0)
    publisher.may.set()

    assert {claims["sub"] for claims in await asyncio.gather(*waiting)} == {"ann"}
    assert publisher.asked == 1


async def test_who_gives_up_waiting_takes_the_fetch_from_nobody(issuer: Issuer, publisher: Publisher) -> None:
    publisher.may.clear()
    leaving, staying = asyncio.create_task(issuer.claims(GOOD)), asyncio.create_task(issuer.claims(GOOD))
    await asyncio.sleep(0)
    leaving.cancel()
    publisher.may.set()

    assert await staying
    assert leaving.cancelled()
    assert publisher.asked == 1


async def test_keys_are_renewed_beside_the_work_before_they_are_old(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.publish(entry(NEW, kid="new"))
    publisher.may.clear()
    clock.forward(minutes=4)

    assert at_once(issuer.claims(GOOD))
    publisher.may.set()
    await settled(issuer)

    assert at_once(issuer.claims(ROTATED))
    assert publisher.asked == 2


async def test_a_key_that_was_withdrawn_counts_for_five_minutes_at_most(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.publish(entry(NEW, kid="new"))
    clock.forward(minutes=5)

    await refuse(issuer)
    assert await issuer.claims(ROTATED)


async def test_keys_count_for_an_hour_while_the_address_fails_and_then_nobody_is_let_in(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.answer = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    for _ in range(59):
        clock.forward(minutes=1)
        assert await issuer.claims(GOOD)
        await settled(issuer)
    clock.forward(seconds=59, microseconds=999_999)
    assert await issuer.claims(GOOD)
    await settled(issuer)

    clock.forward(microseconds=1)
    with pytest.raises(Unavailable):
        await issuer.claims(GOOD)

    publisher.publish(entry(key(), kid="a"))
    clock.forward(seconds=5)
    assert await issuer.claims(GOOD)


async def test_nobody_waits_for_an_address_that_is_known_to_fail(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.answer = b""
    clock.forward(minutes=6)
    await issuer.claims(GOOD)
    publisher.may.clear()
    clock.forward(seconds=30)

    assert at_once(issuer.claims(GOOD))


async def test_an_address_that_fails_is_asked_once_in_thirty_seconds(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.answer, publisher.asked = b"", 0
    clock.forward(minutes=6)
    for _ in range(120):
        await issuer.claims(GOOD)
        await settled(issuer)
        clock.forward(seconds=1)

    assert publisher.asked == 4


async def test_a_new_key_is_found_when_the_first_token_names_it(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.publish(entry(key(), kid="a"), entry(NEW, kid="new"))
    clock.forward(seconds=30)

    assert await issuer.claims(ROTATED)
    assert at_once(issuer.claims(GOOD))
    assert publisher.asked == 2


async def test_strangers_with_made_up_keys_have_the_address_asked_once_in_thirty_seconds(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.asked = 0
    for number in range(120):
        clock.forward(seconds=1)
        await asyncio.gather(*(refuse(issuer, token(header={"kid": f"{number}-{each}"})) for each in range(3)))

    assert publisher.asked == 4


async def test_strangers_with_made_up_keys_wait_for_no_address_that_is_known_to_fail(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.answer = b""
    clock.forward(minutes=1)
    await refuse(issuer, ROTATED)
    publisher.may.clear()
    clock.forward(seconds=30)

    with pytest.raises(Unauthenticated):
        at_once(issuer.claims(ROTATED))
    publisher.publish(entry(NEW, kid="new"))
    publisher.may.set()
    await settled(issuer)
    assert at_once(issuer.claims(ROTATED))


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ.e30.AAAA",
        token(header={"kid": "a"})[:-8],
        token(key("RS256"), "RS256", header={"kid": "a"}),
    ],
)
async def test_a_token_that_no_new_key_could_prove_has_nothing_fetched(
    issuer: Issuer, publisher: Publisher, clock: FixedClock, text: str
) -> None:
    await issuer.claims(GOOD)
    clock.forward(minutes=1)

    await refuse(issuer, text)
    assert publisher.asked == 1


BAD = {
    "no document": ok(b"<html>maintenance</html>"),
    "no keys": ok(b'{"keys": []}'),
    "no key for us": ok(document({"kty": "oct", "k": "AAAA", "kid": "a"})),
    "an error": b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "another status": ok(document(entry(NEW, kid="new"))).replace(b"200 OK", b"203 Nearly"),
    "nothing": b"",
    "half an answer": ok(document(entry(NEW, kid="new")))[:-20],
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "too much": ok(b" " * LARGEST_BYTES + document(entry(NEW, kid="new"))),
    "something packed": ok(gzip.compress(document(entry(NEW, kid="new"))), "content-encoding: gzip"),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
async def test_a_bad_answer_changes_nothing_and_is_told(
    issuer: Issuer, publisher: Publisher, clock: FixedClock, watched: Watched, answer: bytes
) -> None:
    await issuer.claims(GOOD)
    publisher.answer = answer
    clock.forward(minutes=5)

    assert await issuer.claims(GOOD)
    await refuse(issuer, ROTATED)
    assert publisher.asked == 2
    assert watched.signals == [("keys_not_renewed", {})]
    assert watched.samples(Metric.KEYS_NOT_RENEWED) == {(): 1}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
async def test_without_any_key_a_bad_answer_lets_nobody_in(issuer: Issuer, publisher: Publisher, answer: bytes) -> None:
    publisher.answer = answer

    with pytest.raises(Unavailable):
        await issuer.claims(GOOD)
    with pytest.raises(Unavailable):
        await issuer.claims(ROTATED)
    assert publisher.asked == 1


async def test_no_redirection_is_followed(issuer: Issuer, publisher: Publisher) -> None:
    async with publishing() as elsewhere:
        publisher.answer = f"HTTP/1.1 302 Found\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n".encode()

        with pytest.raises(Unavailable):
            await issuer.claims(GOOD)

    assert elsewhere.asked == 0


@pytest.mark.parametrize("trickles", [True, False])
async def test_an_address_that_hangs_or_trickles_is_not_waited_for(
    publisher: Publisher, clock: FixedClock, watched: Watched, *, trickles: bool
) -> None:
    issuer = Issuer(publisher.url, clock=clock, telemetry=watched.telemetry, answer_seconds=0.2)
    publisher.answer = b"HTTP/1.1 200 OK\r\n\r\n"
    publisher.trickles = trickles
    if not trickles:
        publisher.may.clear()

    with pytest.raises(Unavailable):
        await issuer.claims(GOOD)
    assert watched.signals == [("keys_not_renewed", {})]


async def test_an_address_where_nobody_listens_lets_nobody_in(clock: FixedClock, watched: Watched) -> None:
    issuer = Issuer("http://127.0.0.1:1/keys", clock=clock, telemetry=watched.telemetry)

    with pytest.raises(Unavailable):
        await issuer.claims(GOOD)


async def test_a_clock_that_was_set_back_makes_no_key_young(
    issuer: Issuer, publisher: Publisher, clock: FixedClock
) -> None:
    await issuer.claims(GOOD)
    publisher.answer = b""
    clock.forward(hours=-2)

    with pytest.raises(Unavailable):
        await issuer.claims(GOOD)


async def test_a_fetch_that_is_under_way_ends_with_the_application(issuer: Issuer, publisher: Publisher) -> None:
    publisher.may.clear()
    issuer.begin()
    fetch = issuer._fetch
    await issuer.aclose()

    assert fetch is not None
    assert fetch.cancelled()


async def shown(api: Api, text: str) -> tuple[int, list[str]]:
    headers = {"authorization": f"Bearer {text}", "accept": "application/graphql-response+json"}
    answer = await api.client.post("/graphql", json={"query": VIEWER}, headers=headers)
    return answer.status_code, [error["extensions"]["code"] for error in answer.json().get("errors", [])]


async def test_a_whole_application_lets_in_whom_the_issuer_names(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock, publisher: Publisher
) -> None:
    variables = {"JWKS_URL": publisher.url, "JWT_ISSUER": "https://id.example.com", "JWT_AUDIENCE": "seatgate"}
    expected: dict[str, Any] = {"iss": "https://id.example.com", "aud": "seatgate"}
    async with serving(sqlite.fresh(tmp_path), tmp_path, clock, variables) as api:
        good = await shown(api, token(header={"kid": "a"}, **expected))
        before = await api.everything()
        others = await shown(api, token(header={"kid": "a"}, **(expected | {"aud": "other"})))
        secret = await shown(api, api.token("bob"))
        publisher.answer = b""
        clock.forward(hours=1)
        away = await shown(api, token(header={"kid": "a"}, clock=clock, **expected))
        alive = await api.client.get("/readyz")

        assert await api.everything() == before
    assert (good, others, secret) == ((200, []), (401, ["UNAUTHENTICATED"]), (401, ["UNAUTHENTICATED"]))
    assert (away, alive.status_code) == ((503, ["UNAVAILABLE"]), 200)


async def test_an_application_begins_to_fetch_when_it_starts(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock, publisher: Publisher
) -> None:
    publisher.may.clear()
    async with serving(sqlite.fresh(tmp_path), tmp_path, clock, {"JWKS_URL": publisher.url}) as api:
        await publisher.heard.wait()
        publisher.may.set()

        assert await shown(api, GOOD) == (200, [])
    assert publisher.asked == 1

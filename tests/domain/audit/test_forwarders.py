"""The two forwarders that come with Seatgate: a file of lines, and signed posts to a receiver that checks them."""

import hmac
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.audit import JsonLinesForwarder, NotTaken, SealedEvent, WebhookForwarder
from domain.errors import ConfigError
from domain.ids import AuditEventId
from tests.support.clock import FixedClock

SECRET = "a-secret-that-only-the-receiver-knows"


def event(clock: FixedClock, sequence: int = 1) -> SealedEvent:
    return SealedEvent(
        sequence=sequence,
        seal="0" * 64,
        id=AuditEventId("aud_1"),
        occurred_at=clock.now(),
        action="membership.added",
        actor_kind="user",
        actor_id="usr_1",
        actor_label="Ann",
        effective_actor_kind="user",
        effective_actor_id="usr_1",
        organization_id=None,
        subject_id="mem_1",
        subject_label=None,
        request_id=None,
        idempotency_key=None,
        before=None,
        after={"role": "MEMBER"},
    )


async def test_each_event_is_a_line_of_its_own(tmp_path: Path, clock: FixedClock) -> None:
    forwarder = JsonLinesForwarder(tmp_path / "audit.jsonl")

    for sequence in (1, 2):
        await forwarder.forward(event(clock, sequence))

    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["sequence"] for line in lines] == [1, 2]
    assert lines[0]["occurred_at"] == "2026-11-21T12:00:00.000000Z"
    assert lines[0]["after"] == {"role": "MEMBER"}


async def test_half_a_line_that_a_crash_has_left_spoils_no_other(tmp_path: Path, clock: FixedClock) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"sequence": 1, "se')

    await JsonLinesForwarder(path).forward(event(clock))

    assert json.loads(path.read_text().splitlines()[1])["sequence"] == 1


async def test_a_file_that_cannot_be_written_says_so(tmp_path: Path, clock: FixedClock) -> None:
    with pytest.raises(OSError, match="directory"):
        await JsonLinesForwarder(tmp_path).forward(event(clock))


class Receiver:
    """Takes what is signed, as any receiver should."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.status = 204

    async def take(self, request: Request) -> Response:
        body = await request.body()
        signed = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["seatgate-signature"])
        assert signed
        digest = hmac.new(SECRET.encode(), f"{signed[1]}.".encode() + body, sha256).hexdigest()
        if not hmac.compare_digest(digest, signed[2]):
            return Response(status_code=401)
        self.taken.append((int(signed[1]), json.loads(body)))
        return Response(status_code=self.status, headers={"location": "/elsewhere"})


def posting(receiver: Receiver, clock: FixedClock, secret: str = SECRET) -> WebhookForwarder:
    app = Starlette(routes=[Route("/audit", receiver.take, methods=["POST"])])
    return WebhookForwarder("http://host/audit", secret, clock=clock, transport=httpx.ASGITransport(app))


async def test_an_event_is_posted_and_the_receiver_can_check_who_sent_it_and_when(clock: FixedClock) -> None:
    receiver = Receiver()
    forwarder = posting(receiver, clock)

    await forwarder.forward(event(clock))
    await forwarder.forward(event(clock, 2))
    await forwarder.aclose()
    await forwarder.aclose()

    assert [(at, told["sequence"]) for at, told in receiver.taken] == [(1795262400, 1), (1795262400, 2)]
    assert receiver.taken[0][1]["actor_label"] == "Ann"


@pytest.mark.parametrize("status", [302, 400, 500])
async def test_any_answer_but_a_good_one_means_not_taken(clock: FixedClock, status: int) -> None:
    receiver = Receiver()
    receiver.status = status
    forwarder = posting(receiver, clock)

    with pytest.raises(NotTaken, match=str(status)):
        await forwarder.forward(event(clock))
    await forwarder.aclose()


async def test_a_receiver_with_another_secret_takes_nothing(clock: FixedClock) -> None:
    receiver = Receiver()
    forwarder = posting(receiver, clock, secret="x" * 32)

    with pytest.raises(NotTaken, match="401"):
        await forwarder.forward(event(clock))
    await forwarder.aclose()
    assert receiver.taken == []


async def test_a_receiver_that_is_not_there_says_so(clock: FixedClock) -> None:
    forwarder = WebhookForwarder("http://127.0.0.1:1/audit", SECRET, clock=clock)

    with pytest.raises(httpx.TransportError):
        await forwarder.forward(event(clock))
    await forwarder.aclose()


@pytest.mark.parametrize(("url", "secret"), [("ftp://host", SECRET), ("host", SECRET), ("https://host", "short")])
def test_an_address_or_secret_that_cannot_be_stops_the_start(url: str, secret: str) -> None:
    with pytest.raises(ConfigError, match="webhook needs"):
        WebhookForwarder(url, secret)

"""Mail over SMTP, against a real server on loopback: what arrives, how it travels, and what is no delivery."""

import asyncio
import contextlib
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtplib import SMTPException

from domain.mail import Message, SmtpMailer
from tests.support.clock import FixedClock
from tests.support.mail import Postbox, certificate, closed_port, only, serving, silent_port

NO_DELIVERY = (SMTPException, OSError)
SENDER = "Seatgate Ümlaut <no-reply@seatgate.example>"


def message(**changes: str) -> Message:
    given: dict[str, Any] = {
        "to": "guest@example.com",
        "subject": "Join Müller & Söhne",
        "text": "Grüße\n",
        "html": "<p>Grüße</p>",
    }
    return Message(**(given | {"id": "inv_1"} | changes))


def mailer(clock: FixedClock, port: int, *, scheme: str = "smtp", user: str = "", seconds: float = 5) -> SmtpMailer:
    return SmtpMailer(f"{scheme}://{user}127.0.0.1:{port}", sender=SENDER, clock=clock, seconds=seconds)


async def test_a_message_arrives_with_both_parts_and_its_headers(clock: FixedClock) -> None:
    postbox = Postbox()

    async with serving(postbox):
        await mailer(clock, postbox.port).send(message())

    (received,), (envelope,) = postbox.received, postbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@seatgate.example", ["guest@example.com"])
    assert str(received["From"]) == SENDER
    assert str(received["To"]) == "guest@example.com"
    assert str(received["Subject"]) == "Join Müller & Söhne"
    assert received["Message-ID"] == "<inv_1@seatgate.example>"
    assert parsedate_to_datetime(received["Date"]) == clock.now()
    assert received["Auto-Submitted"] == "auto-generated"
    assert not [name for name in received if name.startswith("List-")]
    assert received.get_content_type() == "multipart/alternative"
    parts = {part.get_content_type(): part.get_content().splitlines() for part in received.iter_parts()}
    assert parts == {"text/plain": ["Grüße"], "text/html": ["<p>Grüße</p>"]}


async def test_the_same_message_has_the_same_id_and_one_without_gets_its_own(clock: FixedClock) -> None:
    postbox = Postbox()
    nameless = Message(to="guest@example.com", subject="s", text="t", html="h")

    async with serving(postbox):
        for each in (message(), message(), nameless, nameless):
            await mailer(clock, postbox.port).send(each)

    first, again, one, other = [str(received["Message-ID"]) for received in postbox.received]
    assert first == again
    assert len({first, one, other}) == 3
    assert one.endswith("@seatgate.example>")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "\0"])
async def test_a_line_break_in_a_name_adds_no_header_and_no_recipient(clock: FixedClock, ending: str) -> None:
    postbox = Postbox()
    spoiled = message(subject=f"Join{ending}Bcc: all@example.com{ending}{ending}body")

    async with serving(postbox):
        await mailer(clock, postbox.port).send(spoiled)

    (received,), (envelope,) = postbox.received, postbox.envelopes
    assert str(received["Subject"]) == "Join Bcc: all@example.com body"
    assert received["Bcc"] is None
    assert envelope.rcpt_tos == ["guest@example.com"]


async def test_a_line_break_in_an_address_reaches_nobody_else(clock: FixedClock) -> None:
    postbox = Postbox()

    async with serving(postbox):
        with contextlib.suppress(SMTPException, ValueError):
            await mailer(clock, postbox.port).send(message(to="guest@example.com\nBcc: all@example.com"))

    assert not [to for envelope in postbox.envelopes for to in envelope.rcpt_tos if to.startswith("all")]


@pytest.mark.parametrize("answer", ["451 Try again later", "550 No such person", "552 Too much"])
async def test_a_server_that_does_not_take_it_is_no_delivery(clock: FixedClock, answer: str) -> None:
    postbox = Postbox(answer=answer)

    async with serving(postbox):
        with pytest.raises(SMTPException):
            await mailer(clock, postbox.port).send(message())

    assert postbox.received == []


async def test_a_server_that_is_down_is_no_delivery(clock: FixedClock) -> None:
    with pytest.raises(SMTPException):
        await mailer(clock, closed_port()).send(message())


async def test_a_server_that_hangs_is_given_up_in_time(clock: FixedClock) -> None:
    began = asyncio.get_running_loop().time()

    with silent_port() as port, pytest.raises(NO_DELIVERY):
        await mailer(clock, port, seconds=0.3).send(message())

    assert asyncio.get_running_loop().time() - began < 5


async def test_tls_is_used_where_it_is_offered_and_demanded_from_the_start(
    clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    offered, implicit = Postbox(), Postbox()

    async with serving(offered, tls_context=context), serving(implicit, implicit=context):
        await mailer(clock, offered.port).send(message())
        await mailer(clock, implicit.port, scheme="smtps").send(message())

    assert offered.encrypted == implicit.encrypted == [True]


async def test_a_certificate_that_nobody_vouches_for_is_no_delivery(clock: FixedClock, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    offered, implicit = Postbox(), Postbox()

    async with serving(offered, tls_context=context), serving(implicit, implicit=context):
        with pytest.raises(NO_DELIVERY):
            await mailer(clock, offered.port).send(message())
        with pytest.raises(NO_DELIVERY):
            await mailer(clock, implicit.port, scheme="smtps").send(message())

    assert offered.received == implicit.received == []


async def test_a_name_and_password_are_sent_over_tls(
    clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    postbox = Postbox()

    async with serving(
        postbox, tls_context=context, auth_required=True, authenticator=only("me@example.com", "p@ss/word")
    ):
        await mailer(clock, postbox.port, user="me%40example.com:p%40ss%2Fword@").send(message())
        with pytest.raises(NO_DELIVERY):
            await mailer(clock, postbox.port, user="me%40example.com:wrong@", seconds=1).send(message())

    assert postbox.encrypted == [True]


async def test_a_password_is_never_sent_in_the_clear(clock: FixedClock) -> None:
    asked: list[object] = []

    def note(*facts: object) -> None:
        asked.append(facts)

    postbox = Postbox()
    async with serving(postbox, auth_require_tls=False, authenticator=note):
        with pytest.raises(SMTPException):
            await mailer(clock, postbox.port, user="me:secret@").send(message())

    assert asked == postbox.received == []

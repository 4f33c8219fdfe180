"""Mail over SMTP: one connection for each message, encrypted whenever the server can."""

import asyncio
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

from domain.clock import Clock
from domain.mail.mailers import Message

SECONDS = 10


class SmtpMailer:
    """Sends through the server of an address: `smtp://` turns to TLS where that is offered, `smtps://` begins with it.

    With a name and a password TLS is demanded, because a password never travels in the clear. The whole of a message
    takes at most `seconds`.
    """

    def __init__(self, url: str, *, sender: str, clock: Clock, seconds: float = SECONDS) -> None:
        self._server = urlsplit(url)
        self._sender = sender
        self._clock = clock
        self._seconds = seconds

    async def send(self, message: Message) -> None:
        """Hand the message to the server.

        Raises:
            aiosmtplib.SMTPException: the server could not be reached, or would not take it.
            OSError: nobody vouches for its certificate, or it took too long.
        """
        import aiosmtplib  # noqa: PLC0415 - loaded only where mail is sent

        name, password = self._server.username, self._server.password
        encrypted = self._server.scheme == "smtps"
        async with asyncio.timeout(self._seconds):
            await aiosmtplib.send(
                self._written(message),
                hostname=self._server.hostname,
                port=self._server.port,
                username=None if name is None else unquote(name),
                password=None if password is None else unquote(password),
                use_tls=encrypted,
                start_tls=False if encrypted else (None if password is None else True),
                timeout=self._seconds,
            )

    def _written(self, message: Message) -> EmailMessage:
        """Write the message with its headers, none of which a line break in a name can add to."""
        domain = parseaddr(self._sender)[1].partition("@")[2]
        written = EmailMessage(policy=SMTP)
        written["From"] = self._sender
        written["To"] = _one_line(message.to)
        written["Subject"] = _one_line(message.subject)
        written["Date"] = format_datetime(self._clock.now())
        written["Message-ID"] = f"<{message.id}@{domain}>" if message.id else make_msgid(domain=domain)
        written["Auto-Submitted"] = "auto-generated"
        written.set_content(message.text)
        written.add_alternative(message.html, subtype="html")
        return written


def _one_line(text: str) -> str:
    """Turn line breaks and all other characters that steer instead of showing into spaces."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())

"""What a message is, what a mailer does, and the mailer of those who have no mail server."""

import logging
from dataclasses import dataclass
from typing import Protocol

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail, in plain text and in HTML.

    `id` stays the same when the message is sent again, so that a mail client can see that it is one. `secrets` are the
    parts that open something, which no log may keep.
    """

    to: str
    subject: str
    text: str
    html: str
    id: str | None = None
    secrets: tuple[str, ...] = ()


class Mailer(Protocol):
    """Sends mail. Raising means that it was not sent and shall be tried again."""

    async def send(self, message: Message) -> None:
        """Send one message, or raise."""


class LogMailer:
    """Writes mail to the log, where no mail server is configured; with its secrets only when told to show them."""

    def __init__(self, *, shows_secrets: bool = False) -> None:
        self._shows_secrets = shows_secrets

    async def send(self, message: Message) -> None:
        """Write the message down."""
        text = message.text
        if not self._shows_secrets:
            for secret in message.secrets:
                text = text.replace(secret, "[not shown]")
        log.warning("no mail server is set; mail to %s: %s\n%s", message.to, message.subject, text)

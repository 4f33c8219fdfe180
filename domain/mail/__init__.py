"""Mail: what a message is and who sends it. Messages are made and sent by the outbox, never inside a transaction."""

import logging
from dataclasses import dataclass
from typing import Protocol

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail, in plain text and in HTML."""

    to: str
    subject: str
    text: str
    html: str


class Mailer(Protocol):
    """Sends mail. Raising means that it was not sent and shall be tried again."""

    async def send(self, message: Message) -> None:
        """Send one message, or raise."""


class LogMailer:
    """Writes mail to the log, where no mail server is configured."""

    async def send(self, message: Message) -> None:
        """Write the message down."""
        log.info("mail to %s: %s\n%s", message.to, message.subject, message.text)

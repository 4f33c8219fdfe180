"""Mail: what a message is and who sends it. Messages are made and sent by the outbox, never inside a transaction."""

from domain.mail.mailers import LogMailer, Mailer, Message
from domain.mail.rendering import render
from domain.mail.smtp import SmtpMailer

__all__ = ["LogMailer", "Mailer", "Message", "SmtpMailer", "render"]

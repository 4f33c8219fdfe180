"""Webhooks: the inbox that receives, applies, fails and tries again, and what is done about each kind of news."""

from domain.billing.webhooks.handlers import HANDLERS
from domain.billing.webhooks.inbox import Inbox
from domain.billing.webhooks.models import Handler, Received, Waiting, WebhookEvent, WebhookStatus

__all__ = ["HANDLERS", "Handler", "Inbox", "Received", "Waiting", "WebhookEvent", "WebhookStatus"]

"""Webhooks: the inbox that receives, applies, fails and tries again, and what is done about each kind of news."""

from domain.billing.webhooks.handlers import HANDLERS
from domain.billing.webhooks.inbox import Inbox, tell_nobody
from domain.billing.webhooks.listing import (
    EventFilter,
    count_waiting,
    events_by_id,
    events_of_facts,
    fact_place,
    facts_of,
    inbox_events,
    newest_facts,
    page_of_facts,
)
from domain.billing.webhooks.models import GaveUp, Handler, Received, Waiting, WebhookEvent, WebhookStatus
from domain.billing.webhooks.pruning import Pruning
from domain.billing.webhooks.replaying import Replaying
from domain.billing.webhooks.thin import ThinEvents, keep_waiting

__all__ = [
    "HANDLERS",
    "EventFilter",
    "GaveUp",
    "Handler",
    "Inbox",
    "Pruning",
    "Received",
    "Replaying",
    "ThinEvents",
    "Waiting",
    "WebhookEvent",
    "WebhookStatus",
    "count_waiting",
    "events_by_id",
    "events_of_facts",
    "fact_place",
    "facts_of",
    "inbox_events",
    "keep_waiting",
    "newest_facts",
    "page_of_facts",
    "tell_nobody",
]

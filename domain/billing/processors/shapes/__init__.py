"""Stripe's JSON, read strictly into our own values: the envelope of an event, what it tells, and a subscription.

Plain dicts in, frozen values out; no session and no library of the processor's. What does not fit is refused with the
place of the fault and never with what stood there.
"""

from domain.billing.processors.shapes.envelopes import carrying, event
from domain.billing.processors.shapes.news import READERS, entitlement, news
from domain.billing.processors.shapes.parts import instant
from domain.billing.processors.shapes.subscriptions import snapshot

__all__ = ["API_VERSION", "READERS", "carrying", "entitlement", "event", "instant", "news", "snapshot"]

API_VERSION = "2026-10-28.endive"
"""What we ask for; webhook endpoints may still send an older shape."""

"""The Fake: a processor of our own for development and tests, behind the same protocol as Stripe.

What it holds true is in the database, because several processes share it. It speaks Stripe's JSON, signs as Stripe does
and sends its events through the outbox to the ordinary inbox. No processor's library and no rule of ours enters, and it
never runs in production.
"""

from domain.billing.processors.fake.faults import COMMAND_FAULTS, WEBHOOK_FAULTS, Fault, FaultKind
from domain.billing.processors.fake.models import Card, FakeAdvance, FakeRequest, FakeSubscription
from domain.billing.processors.fake.processor import FakeProcessor
from domain.billing.processors.fake.terms import Exhausted, Terms, TrialWithoutCard

__all__ = [
    "COMMAND_FAULTS",
    "WEBHOOK_FAULTS",
    "Card",
    "Exhausted",
    "FakeAdvance",
    "FakeProcessor",
    "FakeRequest",
    "FakeSubscription",
    "Fault",
    "FaultKind",
    "Terms",
    "TrialWithoutCard",
]

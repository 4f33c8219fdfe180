"""Which of two summaries is newer, whichever arrives first: pure, no session and no clock.

A webhook stands where Stripe's clock says that it happened, a pull where ours stood just before the question. Stripe
counts whole seconds; so a pull knows everything of the seconds before its own, and of its own second perhaps not all.
There every webhook is the newer one: should it tell of what the pull has seen already, its news is the same or is
followed by the rest.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SummarySource(StrEnum):
    """How a summary was learned."""

    PULL = "pull"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a summary stands among all of its customer: a total order, in which the greatest one counts.

    By second, then pulls before webhooks, then by instant, then by event id, bytewise.
    """

    second: datetime
    told: bool
    instant: datetime
    event_id: bytes

    @classmethod
    def of(cls, source: SummarySource, instant: datetime, event_id: str) -> "Place":
        """Give the place of what was told or asked for at an instant; a pull has no event id (empty)."""
        return cls(instant.replace(microsecond=0), source is SummarySource.WEBHOOK, instant, event_id.encode())

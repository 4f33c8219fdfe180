"""What is said of one subscription and by whom: what the mirror is told, before it becomes a fact."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from domain.billing.facts import FactSource
from domain.billing.states import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A snapshot and where it comes from: an event with its type and id, or an answer to a fetch or command of ours.

    `occurred_at` is the processor's clock: when it happened, and of an answer just before the request was first sent.
    `asked_at` is our clock at that same instant; None for an event.
    """

    source: FactSource
    type: str | None
    event_id: str
    occurred_at: datetime
    snapshot: Snapshot
    asked_at: datetime | None = None

    @classmethod
    def fetched(cls, snapshot: Snapshot, *, asked_at: datetime, processor_time: datetime) -> "Statement":
        """Say what a question of ours was answered with; asking again says something new."""
        return cls(
            source=FactSource.FETCH,
            type=None,
            event_id=f"fetch_{secrets.token_hex(16)}",
            occurred_at=processor_time,
            snapshot=snapshot,
            asked_at=asked_at,
        )

    @classmethod
    def answered(cls, snapshot: Snapshot, *, key: str, asked_at: datetime, processor_time: datetime) -> "Statement":
        """Say what a command of ours was answered with; under its key the answer is always the same fact."""
        return cls(
            source=FactSource.COMMAND,
            type=None,
            event_id=key,
            occurred_at=processor_time,
            snapshot=snapshot,
            asked_at=asked_at,
        )

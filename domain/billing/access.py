"""What rows of the mirror give, in billing's words. Billing knows no plans; wiring hands in a function that does.

Plain values and the seam that fills them; no processor, and no SQL of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.billing.states import ProcessorName, SubscriptionState
from domain.db import Session
from domain.ids import SubscriptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of the mirror, as it is or as it would be; instants are UTC."""

    subscription_id: SubscriptionId
    processor: ProcessorName
    state: SubscriptionState
    past_due_since: datetime | None
    last_fact_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What all rows of one customer give together; `seat_limit` names the quantity that counts members."""

    seat_limit: str
    plans: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    quantities: Mapping[str, int] = field(default_factory=dict)

    def above(self, other: "Access") -> frozenset[str]:
        """Name the features and limits that this gives more of than the other."""
        more = {key for key, value in self.quantities.items() if value > other.quantities.get(key, 0)}
        return (self.features - other.features) | more


class AccessOf(Protocol):
    """Works out what rows of one customer give, beside whatever else it has."""

    def __call__(self, rows: Sequence[Standing], *, now: datetime) -> Access:
        """Say what a customer has at `now` whose rows these are, all of them; nothing where there is a doubt."""


class Accesses(Protocol):
    """Knows what customers have beside their rows, which billing does not."""

    async def of(self, session: Session, customer_ids: Sequence[str]) -> Mapping[str, AccessOf]:
        """Read it for these customers in the caller's transaction, in as many statements for many as for one."""

    def of_nobody(self, rows: Sequence[Standing], *, now: datetime) -> Access:
        """Say what rows would give that belong to no customer of ours: what they give by themselves."""

"""What rows of the mirror give, in billing's words. Billing knows no plans; wiring hands in a function that does.

Plain values; no session and no processor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.billing.states import ProcessorName, SubscriptionState
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
    """Works out what rows of one customer give."""

    def __call__(self, rows: Sequence[Standing], *, now: datetime) -> Access:
        """Say what a customer has at `now` whose rows these are, all of them; nothing where there is a doubt."""

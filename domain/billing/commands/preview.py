"""What a change of plan would bring: money as the processor computes it now, access as the host's catalog does.

Billing does not know what plans give; whoever wires it hands in a function that does. Nothing here is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.billing import seats
from domain.billing.access import Access, Accesses, AccessOf, Standing
from domain.billing.customers import Customer
from domain.billing.processors import InvoicePreview
from domain.billing.seats import SeatCount
from domain.billing.states import SubscriptionState
from domain.billing.subscriptions import BillingSubscription
from domain.db import Session
from domain.ids import SubscriptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityChange:
    """A limit before and after. `used` None: nobody here counts it."""

    key: str
    before: int
    after: int
    used: int | None = None
    over_limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChange:
    """How two answers for one customer differ; names sorted. `quantities` holds every limit of either."""

    plans_gained: tuple[str, ...]
    plans_lost: tuple[str, ...]
    features_gained: tuple[str, ...]
    features_lost: tuple[str, ...]
    quantities: tuple[QuantityChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange:
    """What a change would bring. `seats` None: a user pays, who has none; `seat_limit` is what it would be."""

    invoice: InvoicePreview
    access: AccessChange
    seats: SeatCount | None
    seat_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What is known of a customer when a change is weighed. `access_of` knows what it has beside its rows."""

    rows: tuple[Standing, ...]
    seats: SeatCount | None
    access_of: AccessOf

    @classmethod
    async def read(
        cls,
        session: Session,
        customer: Customer,
        rows: Sequence[BillingSubscription],
        *,
        accesses: Accesses,
        now: datetime,
    ) -> "Weighed":
        """Take all rows of a customer, and the seats of its organization where it has one."""
        organization_id = customer.organization_id
        counted = {} if organization_id is None else await seats.counts(session, [organization_id], now=now)
        return cls(
            rows=tuple(row.standing for row in rows),
            seats=None if organization_id is None else counted.get(organization_id),
            access_of=(await accesses.of(session, [customer.id]))[customer.id],
        )

    def access(self, now: datetime) -> Access:
        """Say what it all gives at `now`."""
        return self.access_of(self.rows, now=now)

    def with_state(self, subscription_id: SubscriptionId, state: SubscriptionState) -> "Weighed":
        """Give the same with one subscription in another state."""
        rows = (replace(row, state=state) if row.subscription_id == subscription_id else row for row in self.rows)
        return replace(self, rows=tuple(rows))


def compare(before: Access, after: Access, counted: SeatCount | None) -> AccessChange:
    """Say what is gained and lost, and which limits would be below what is in use."""
    keys = sorted(before.quantities.keys() | after.quantities.keys())
    return AccessChange(
        plans_gained=tuple(sorted(after.plans - before.plans)),
        plans_lost=tuple(sorted(before.plans - after.plans)),
        features_gained=tuple(sorted(after.features - before.features)),
        features_lost=tuple(sorted(before.features - after.features)),
        quantities=tuple(_quantity(key, before, after, counted) for key in keys),
    )


def _quantity(key: str, before: Access, after: Access, counted: SeatCount | None) -> QuantityChange:
    change = QuantityChange(key=key, before=before.quantities.get(key, 0), after=after.quantities.get(key, 0))
    if counted is None or key != after.seat_limit:
        return change
    return replace(change, used=counted.used, over_limit=counted.used + counted.reserved > change.after)

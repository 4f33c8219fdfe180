"""When and how the quantity of a price follows the seats that are held: pure, the instant is an argument."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.billing import lifecycle
from domain.billing.states import Item, Proration, SubscriptionState

LEAD = timedelta(hours=1)
"""How long before a period ends the next one's quantity is asked for."""


class SeatPolicy(StrEnum):
    """When a quantity follows in one direction."""

    AT_ONCE = "at_once"
    NEXT_PERIOD = "next_period"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatQuantity:
    """How the quantity of a plan's prices follows the seats; changes within `debounce_seconds` become one."""

    up: SeatPolicy = SeatPolicy.AT_ONCE
    down: SeatPolicy = SeatPolicy.NEXT_PERIOD
    debounce_seconds: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityChange:
    """The quantity that an item shall have, not the difference, and the instant before which nobody asks for it."""

    quantity: int
    proration: Proration
    at: datetime


def wanted_quantity(members: int) -> int:
    """Count the seats to pay for: one for each member, and one at least."""
    return max(members, 1)


def quantity_change(
    state: SubscriptionState, item: Item, *, members: int, rules: SeatQuantity, since: datetime, now: datetime
) -> QuantityChange | None:
    """Find the change that brings an item to the seats that are held; `since` is when the last one came or went.

    At once means with prorations, once the debounce is over; with the next period means without, an hour before the
    present one ends. None where nothing is to be done: the quantity is right or none (metered), the subscription grants
    nothing or will not renew, the policy says never, or the period is over and its renewal has not been heard of.
    """
    wanted = wanted_quantity(members)
    if item.quantity is None or item.quantity == wanted or not lifecycle.may_grant(state):
        return None
    settled = since + timedelta(seconds=rules.debounce_seconds)
    match rules.up if wanted > item.quantity else rules.down:
        case SeatPolicy.AT_ONCE:
            return QuantityChange(quantity=wanted, proration=Proration.CREATE_PRORATIONS, at=settled)
        case SeatPolicy.NEXT_PERIOD if _renews(state, item, now):
            assert item.current_period_end is not None, "what renews has a period"
            at = max(settled, item.current_period_end - LEAD)
            return QuantityChange(quantity=wanted, proration=Proration.NONE, at=at)
    return None


def _renews(state: SubscriptionState, item: Item, now: datetime) -> bool:
    """Say whether another period follows the one that `now` is in."""
    end = item.current_period_end
    return end is not None and now < end and not lifecycle.ending(state)

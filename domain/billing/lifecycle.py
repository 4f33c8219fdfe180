"""What a subscription's state means: the one truth table, and the only reader of `.status`.

Pure functions over plain values. `now` is an argument; no session, no clock, no configuration and no period that
silently ends: the processor's word ends things. `ended_at` and `pause_collection` overrule any status.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain.billing.states import Item, Status, SubscriptionState

ENTITLING_STATUSES = frozenset({Status.ACTIVE, Status.TRIALING})
"""Only rows with one of these can be entitling; a query may drop the others."""

CANDIDATE_STATUSES = ENTITLING_STATUSES | {Status.PAST_DUE}
"""Only rows with one of these can grant anything, grace included; a query may drop the others."""

ENDED_STATUSES = frozenset({Status.CANCELED, Status.INCOMPLETE_EXPIRED})
"""Rows with one of these have ended; a query may drop them."""

_OWING = frozenset({Status.PAST_DUE, Status.UNPAID, Status.INCOMPLETE})
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grace:
    """How many days a past-due subscription keeps granting; None: not at all."""

    days: int | None


NO_GRACE = Grace(days=None)


class TerminalAction(StrEnum):
    """What is asked of the processor once a subscription has been past due for too long."""

    NONE = "none"
    CANCEL = "cancel"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dunning:
    """How many days a subscription may be past due, and what becomes of it then."""

    days: int
    action: TerminalAction

    @property
    def ends(self) -> bool:
        """Say whether anything becomes of it at all."""
        return self.action is not TerminalAction.NONE


class DunningStep(StrEnum):
    """What dunning does about a subscription now: SKIP, no concern of it; HOLD, not yet; SWEEP, ask for the action."""

    SKIP = "skip"
    HOLD = "hold"
    SWEEP = "sweep"


ATTEMPT_MARGIN_HOURS = 1
"""So long after its time an announced attempt to collect may still be made, or news of it under way."""


def active(state: SubscriptionState) -> bool:
    """Say whether the status is active or trialing; such a subscription may still be paused or ended."""
    return state.status in ENTITLING_STATUSES


def trialing(state: SubscriptionState) -> bool:
    """Say whether the status is trialing, whatever `trial_end` says."""
    return state.status == Status.TRIALING


def past_due(state: SubscriptionState) -> bool:
    """Say whether the status is exactly past_due; unpaid is not."""
    return state.status == Status.PAST_DUE


def paused(state: SubscriptionState) -> bool:
    """Say whether the status is paused or collection is; an empty `pause_collection` counts, `resumes_at` does not."""
    return state.pause_collection is not None or state.status == Status.PAUSED


def ended(state: SubscriptionState) -> bool:
    """Say whether it is over: canceled, incomplete_expired, or any `ended_at`, even one in the future."""
    return state.ended_at is not None or state.status in ENDED_STATUSES


def terminal(state: SubscriptionState) -> bool:
    """Say whether no event leads out of this state: what has ended stays so until a later fetch says otherwise."""
    return ended(state)


def canceling(state: SubscriptionState, now: datetime) -> bool:
    """Say whether it is active, paid until after `now`, and will not renew. A trial that will not is not canceling."""
    end = period_end(state)
    return state.status == Status.ACTIVE and state.cancel_at_period_end and end is not None and end > now


def ending(state: SubscriptionState) -> bool:
    """Say whether an end is set, at an instant or with the period, that has not come yet."""
    return not ended(state) and (state.cancel_at_period_end or state.cancel_at is not None)


def gone(state: SubscriptionState, at: datetime) -> SubscriptionState:
    """Give the state of a subscription that its processor no longer knows: ended, since `at` at the latest."""
    return replace(state, status=Status.CANCELED, ended_at=at)


def entitling(state: SubscriptionState) -> bool:
    """Say whether it grants what its prices stand for: active or trialing, not paused, not ended. Reads no clock."""
    return active(state) and not paused(state) and not ended(state)


def period_end(state: SubscriptionState) -> datetime | None:
    """Find the latest end of a period among the items; None when no item has one."""
    return max((item.current_period_end for item in state.items if item.current_period_end), default=None)


def grace_candidate(state: SubscriptionState, grace: Grace) -> bool:
    """Say whether grace can concern it: some grace is given, and it is past due, not paused and not ended."""
    return grace.days is not None and level(state) == _CANDIDATE


def grace_end(state: SubscriptionState, past_due_since: datetime | None, grace: Grace) -> datetime | None:
    """Find the last instant of grace, inclusive; None when it is no candidate or nobody knows since when."""
    if grace.days is None or past_due_since is None or not grace_candidate(state, grace):
        return None
    return later(past_due_since, days=grace.days)


def in_grace(state: SubscriptionState, past_due_since: datetime | None, now: datetime, grace: Grace) -> bool:
    """Say whether it grants by grace at `now`; the window's last instant is inside."""
    end = grace_end(state, past_due_since, grace)
    return end is not None and now <= end


def dunning_step(
    state: SubscriptionState,
    past_due_since: datetime | None,
    now: datetime,
    dunning: Dunning,
    *,
    next_attempt_at: datetime | None = None,
) -> DunningStep:
    """Say whether dunning is over. The last instant of its days is inside; an attempt that is announced holds it up.

    So does a pause, which somebody wanted; and nothing is done while nobody knows since when it is past due.
    """
    if not dunning.ends or not past_due(state) or ended(state):
        return DunningStep.SKIP
    if past_due_since is None or paused(state) or now <= later(past_due_since, days=dunning.days):
        return DunningStep.HOLD
    if next_attempt_at is not None and now <= later(next_attempt_at, hours=ATTEMPT_MARGIN_HOURS):
        return DunningStep.HOLD
    return DunningStep.SWEEP


def owing(state: SubscriptionState) -> bool:
    """Say whether it waits for money: past due, unpaid or incomplete, and not ended."""
    return state.status in _OWING and not ended(state)


def later(instant: datetime, *, days: int = 0, hours: int = 0) -> datetime:
    """Add days and hours to an instant, stopping at the end of the calendar."""
    try:
        return instant + timedelta(days=days, hours=hours)
    except OverflowError:
        return _END_OF_TIME


_NOTHING, _CANDIDATE, _ENTITLING = range(3)


def level(state: SubscriptionState) -> int:
    """Say how much it may grant: 2 entitling, 1 past due and so a candidate for grace, 0 nothing."""
    if ended(state) or paused(state):
        return _NOTHING
    if active(state):
        return _ENTITLING
    return _CANDIDATE if past_due(state) else _NOTHING


def may_grant(state: SubscriptionState) -> bool:
    """Say whether it is entitling or a candidate for grace."""
    return level(state) > _NOTHING


def lesser(a: SubscriptionState, b: SubscriptionState) -> SubscriptionState:
    """Find what two states of the same second surely grant: the lower level's state, with the items of both.

    A price stays when both states have it, at the smallest quantity (null is below 0) and the earliest end of period
    that either gives. Commutative, associative and idempotent: any order of the same states comes to the same result.
    """
    if a == b:
        return a
    return replace(min(a, b, key=_order), items=tuple(_common(a.items, b.items)))


def _order(state: SubscriptionState) -> tuple[int, bool, str]:
    """Rank states without looking at their items: less granting first, then ended, then by what is written."""
    return level(state), not ended(state), repr(replace(state, items=()))


def _common(a: tuple[Item, ...], b: tuple[Item, ...]) -> Iterator[Item]:
    """Yield one item for each price in both, by price, each field the least of all items with that price."""
    for price_id in sorted({item.price_id for item in a} & {item.price_id for item in b}):
        same = [item for item in (*a, *b) if item.price_id == price_id]
        quantities = [item.quantity for item in same]
        starts = [item.current_period_start for item in same]
        yield Item(
            processor_id=min(item.processor_id for item in same),
            price_id=price_id,
            quantity=None if None in quantities else min(quantity or 0 for quantity in quantities),
            current_period_start=None if None in starts else min(start for start in starts if start),
            current_period_end=min((item.current_period_end for item in same if item.current_period_end), default=None),
        )

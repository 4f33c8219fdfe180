"""What a subscription's state means: the only reader of `.status`."""

from dataclasses import replace

from domain.billing.states import Item, Status, SubscriptionState


def past_due(state: SubscriptionState) -> bool:
    """Say whether the status is exactly past_due; unpaid is not."""
    return state.status == Status.PAST_DUE


def terminal(state: SubscriptionState) -> bool:
    """Say whether it is over: canceled, incomplete_expired, or any `ended_at`."""
    return state.ended_at is not None or state.status in {Status.CANCELED, Status.INCOMPLETE_EXPIRED}


def lesser(a: SubscriptionState, b: SubscriptionState) -> SubscriptionState:
    """Find what both states surely grant: the lower one's state, with the prices in both at the smaller quantity."""
    if a == b:
        return a
    return replace(min(a, b, key=_order), items=tuple(_smaller(item, b) for item in a.items if _held(item, b)))


def _order(state: SubscriptionState) -> tuple[int, str]:
    if terminal(state):
        return 0, repr(state)
    if state.pause_collection is not None or state.status not in {Status.ACTIVE, Status.TRIALING, Status.PAST_DUE}:
        return 1, repr(state)
    return (2 if past_due(state) else 3), repr(state)


def _held(item: Item, state: SubscriptionState) -> list[int]:
    return [other.quantity or 0 for other in state.items if other.price_id == item.price_id]


def _smaller(item: Item, state: SubscriptionState) -> Item:
    return replace(item, quantity=min(item.quantity or 0, *_held(item, state)))

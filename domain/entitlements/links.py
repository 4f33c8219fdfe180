"""The single links of a chain, each with its sentence for people. What leads where is decided in `chains`.

Pure makers of frozen values: no rule of who is granted what may enter here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.billing import lifecycle
from domain.billing.states import Item
from domain.entitlements.catalog import UNLIMITED, Limit, Merge, Plan
from domain.entitlements.resolver import Force, Granted, Held, Judged
from domain.ids import OverrideId, SubscriptionId

ALIVE = frozenset({Force.ENTITLING, Force.GRACE})


class StepKind(StrEnum):
    """What a link is about. DEFAULT: what the catalog gives without a plan."""

    DEFAULT = "default"
    SUBSCRIPTION = "subscription"
    ITEM = "item"
    PLAN = "plan"
    FEATURE = "feature"
    LIMIT = "limit"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link. `counts`: it carried on to the answer. `detail` is one sentence for people.

    `until` is the last instant before it changes by itself, in UTC; None: nothing is due. In a limit's chain `value` is
    the limit after this link, so that the last one's is the answer. A subscription's link tells its `force`, and in
    `fresh_until` how long it counts without news; without a force nobody could find out what is held.
    """

    kind: StepKind
    counts: bool
    detail: str
    subscription_id: SubscriptionId | None = None
    price_id: str | None = None
    item_quantity: int | None = None
    plan: str | None = None
    key: str | None = None
    value: int | None = None
    override_id: OverrideId | None = None
    until: datetime | None = None
    force: Force | None = None
    fresh_until: datetime | None = None


def subscription(row: Held, judged: Judged, *, value: int | None) -> Step:
    """Tell of a subscription, how it stands and until when."""
    ends = [judged.fresh_end] if judged.force is not Force.STALE else []
    ends += [judged.grace_end] if judged.force is Force.GRACE else []
    return Step(
        kind=StepKind.SUBSCRIPTION,
        counts=judged.force in ALIVE,
        detail=_standing(row, judged),
        subscription_id=row.subscription_id,
        value=value,
        until=min((end for end in ends if end is not None), default=None),
        force=judged.force,
        fresh_until=judged.fresh_end,
    )


def unknown(*, value: int | None) -> Step:
    """Tell that nobody could find out what the customer holds."""
    detail = "What the customer holds could not be found out, so nothing is granted."
    return Step(kind=StepKind.SUBSCRIPTION, counts=True, detail=detail, value=value)


def item(row: Held, item: Item, plan: Plan | None, *, counts: bool, value: int | None) -> Step:
    """Tell of an item and of the plan that has its price."""
    leads = f"No plan has the price {item.price_id}." if plan is None else f"{item.price_id} is a price of {plan.name}."
    return Step(
        kind=StepKind.ITEM,
        counts=counts,
        detail=leads,
        subscription_id=row.subscription_id,
        price_id=item.price_id,
        item_quantity=item.quantity,
        plan=None if plan is None else plan.name,
        value=value,
    )


def loud(row: Held, item: Item, *, value: int | None) -> Step:
    """Tell of an item for whose price the catalog denies everything."""
    return Step(
        kind=StepKind.ITEM,
        counts=True,
        detail=f"No plan has the price {item.price_id}, and the catalog denies everything for such a price.",
        subscription_id=row.subscription_id,
        price_id=item.price_id,
        item_quantity=item.quantity,
        value=value,
    )


def plan(row: Held, plan: Plan, judged: Judged, *, value: int | None) -> Step:
    """Tell of a plan, and whether it is held."""
    how = {Force.ENTITLING: "held", Force.GRACE: "held in grace"}.get(judged.force, "held no more")
    return Step(
        kind=StepKind.PLAN,
        counts=judged.force in ALIVE,
        detail=f"The plan {plan.name} is {how}.",
        subscription_id=row.subscription_id,
        plan=plan.name,
        value=value,
    )


def feature(row: Held, plan: Plan, key: str, *, counts: bool) -> Step:
    """Tell whether a plan has a feature."""
    return Step(
        kind=StepKind.FEATURE,
        counts=counts,
        detail=f"The plan {plan.name} {'has' if key in plan.features else 'does not have'} the feature {key}.",
        subscription_id=row.subscription_id,
        plan=plan.name,
        key=key,
    )


def limit(row: Held, plan: Plan, item: Item, key: str, *, counts: bool, value: int) -> Step:
    """Tell how much a plan gives of something for an item."""
    return Step(
        kind=StepKind.LIMIT,
        counts=counts,
        detail=_gives(plan, key, plan.limits.get(key), item.quantity),
        subscription_id=row.subscription_id,
        price_id=item.price_id,
        item_quantity=item.quantity,
        plan=plan.name,
        key=key,
        value=value,
    )


def override(given: Granted, *, now: datetime, counts: bool, value: int | None = None) -> Step:
    """Tell of an override of a feature or of a limit."""
    holds, key = given.holds(now), given.feature or given.limit
    what = f"the feature {key}" if given.feature is not None else f"at least {_number(given.value)} of {key}"
    return Step(
        kind=StepKind.OVERRIDE,
        counts=counts,
        detail=f"An override gives {what}." if holds else f"An override gave {what}, and has ended.",
        key=key,
        value=value,
        override_id=given.override_id,
        until=given.expires_at if holds else None,
    )


def _standing(row: Held, judged: Judged) -> str:
    """Say in a sentence how a subscription stands."""
    waits = f"; without news it counts until {judged.fresh_end.isoformat()}" if judged.fresh_end else ""
    match judged.force:
        case Force.ENTITLING:
            return f"The subscription is {'in its trial' if lifecycle.trialing(row.state) else 'active'}{waits}."
        case Force.GRACE:
            return f"The subscription is past due, and in grace{waits}."
        case Force.GRACE_OVER if judged.grace_end is None:
            return f"The subscription is past due, and has no grace because nobody knows since when{waits}."
        case Force.GRACE_OVER:
            return f"The subscription is past due, and its grace is over{waits}."
        case Force.STALE:
            return "The subscription's period is over, and nothing has been heard of it for too long."
        case Force.NOTHING:
            return _lifeless(row)


def _lifeless(row: Held) -> str:
    if lifecycle.ended(row.state):
        return "The subscription has ended."
    if lifecycle.paused(row.state):
        return "The subscription is paused."
    if lifecycle.past_due(row.state):
        return "The subscription is past due, and the catalog gives no grace."
    return "The subscription is not paid for."


def _gives(plan: Plan, key: str, limit: Limit | None, quantity: int | None) -> str:
    if limit is None:
        return f"The plan {plan.name} says nothing of {key}."
    amount = _number(limit.of(quantity))
    return f"The plan {plan.name} {f'adds {amount} to' if limit.merge is Merge.SUM else f'gives {amount} of'} {key}."


def _number(value: int) -> str:
    return "any number" if value == UNLIMITED else str(value)

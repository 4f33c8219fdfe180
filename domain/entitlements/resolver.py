"""What a customer's subscriptions give it now, and why: pure functions over the catalog and plain rows.

No session, no clock, no processor and nothing that was merely observed: the same rows give the same answer whoever
bills. The one road to yes is a price that the catalog maps, on a row that `lifecycle` lets count, or `[default]`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.billing import lifecycle
from domain.billing.states import Item, SubscriptionState
from domain.entitlements.catalog import GREATEST, UNLIMITED, Catalog, Limit, Merge, UnmappedAction
from domain.ids import SubscriptionId


class UnmappedPrice(Exception):
    """The customer pays for prices that no plan has, and the catalog wants that loud (`unmapped_action = "raise"`)."""

    def __init__(self, price_ids: Iterable[str]) -> None:
        self.price_ids = tuple(sorted(price_ids))
        super().__init__("no plan has these prices: " + ", ".join(self.price_ids))


class Reason(StrEnum):
    """Why an answer is what it is; a closed list."""

    ENTITLED = "entitled"
    PAST_DUE_GRACE = "past_due_grace"
    NOT_ENTITLED = "not_entitled"
    NO_ACTIVE_SUBSCRIPTION = "no_active_subscription"
    UNMAPPED_PLAN = "unmapped_plan"
    PAST_DUE_EXPIRED = "past_due_expired"
    ERROR = "error"


GRANTING = frozenset({Reason.ENTITLED, Reason.PAST_DUE_GRACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One current row of the mirror. `last_fact_at` is the processor's time of the newest fact; instants are UTC."""

    subscription_id: SubscriptionId
    processor: str
    state: SubscriptionState
    past_due_since: datetime | None
    last_fact_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What all rows of one customer give together.

    `plans` are `active_plans` and `grace_plans`; a plan can be in both, and in `expired_grace_plans` too.
    `grace_features` are those that only grace gives. `features` and `quantities` come from the default when `plans` is
    empty. `fresh_until` is the last instant before a row that counts goes stale, `valid_until` the last before
    anything here changes by itself, both inclusive; None: nothing is due.
    """

    plans: frozenset[str] = frozenset()
    active_plans: frozenset[str] = frozenset()
    grace_plans: frozenset[str] = frozenset()
    expired_grace_plans: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    grace_features: frozenset[str] = frozenset()
    quantities: Mapping[str, int] = field(default_factory=dict)
    unmapped_price_ids: tuple[str, ...] = ()
    fresh_until: datetime | None = None
    valid_until: datetime | None = None
    failed: bool = False


FAILED = Resolved(failed=True)
"""Stands for a resolution that did not succeed: it gives nothing, and every decision on it says `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer. `feature` is what was asked for; `valid_until` is inclusive, None: nothing is due."""

    feature: str
    reason: Reason
    valid_until: datetime | None

    @property
    def granted(self) -> bool:
        """Say yes or no."""
        return self.reason in GRANTING


def resolve(catalog: Catalog, held: Sequence[Held], *, now: datetime) -> Resolved:
    """Work out what the customer that these rows belong to has at `now`; all its rows must be given.

    Rows that are stale, paused, ended or unpaid give nothing. A past-due row out of its grace only leaves its plans in
    `expired_grace_plans`; its unmapped prices are no drift.

    Raises:
        UnmappedPrice: a row that counts has a price that no plan has, and the catalog says `raise`.
    """
    rows = _sort(catalog, held, now)
    active_plans, grace_plans = _plans(catalog, rows.active), _plans(catalog, rows.grace)
    plans = active_plans | grace_plans
    items = [item for state in (*rows.active, *rows.grace) for item in state.items]
    unmapped = {item.price_id for item in items} - catalog.plan_of_price.keys()
    if unmapped and catalog.unmapped_action is UnmappedAction.RAISE:
        raise UnmappedPrice(unmapped)
    active_features, grace_features = _features(catalog, active_plans), _features(catalog, grace_plans)
    return Resolved(
        plans=plans,
        active_plans=active_plans,
        grace_plans=grace_plans,
        expired_grace_plans=_plans(catalog, rows.expired),
        features=active_features | grace_features if plans else catalog.default.features,
        grace_features=grace_features - active_features,
        quantities=_quantities(_limits(catalog, items) if plans else [(catalog.default.limits, None)]),
        unmapped_price_ids=tuple(sorted(unmapped)),
        fresh_until=min(rows.fresh_ends, default=None),
        valid_until=min(rows.fresh_ends + rows.grace_ends, default=None),
    )


def decide_feature(resolved: Resolved, feature: str) -> Decision:
    """Say whether the customer has a feature, and why; an unknown feature is one that it does not have."""
    if feature in resolved.features:
        reason = Reason.PAST_DUE_GRACE if feature in resolved.grace_features else Reason.ENTITLED
    elif resolved.expired_grace_plans:
        reason = Reason.PAST_DUE_EXPIRED
    else:
        reason = _refusal(resolved)
    return _decision(resolved, feature, reason)


def decide_plan(resolved: Resolved, catalog: Catalog, plan_or_price: str) -> Decision:
    """Say whether the customer holds a plan, named by itself or by one of its prices, and why.

    A name that the catalog does not know is unmapped_plan. A plan held both by an entitling row and by one in grace is
    told as past_due_grace: granted, with the earlier end.
    """
    plan = catalog.find_plan(plan_or_price)
    if plan is None:
        reason = Reason.ERROR if resolved.failed else Reason.UNMAPPED_PLAN
    elif plan.name in resolved.plans:
        reason = Reason.PAST_DUE_GRACE if plan.name in resolved.grace_plans else Reason.ENTITLED
    elif plan.name in resolved.expired_grace_plans:
        reason = Reason.PAST_DUE_EXPIRED
    else:
        reason = _refusal(resolved)
    return _decision(resolved, plan_or_price, reason)


def failed(feature: str) -> Decision:
    """Give the answer of a resolution that did not succeed: no, because of an error."""
    return decide_feature(FAILED, feature)


def quantity(resolved: Resolved, key: str) -> int:
    """Count how many of something the customer may have: 0 when nothing gives any, UNLIMITED when there is no end."""
    return resolved.quantities.get(key, 0)


def revision(resolved: Resolved, catalog: Catalog) -> str:
    """Digest every answer that can be read from `resolved`, with the catalog's version: equal digests, equal answers.

    `valid_until` is among the answers, so that whoever keeps them learns of an earlier end.
    """
    answers = (
        catalog.version,
        resolved.failed,
        sorted(resolved.plans),
        sorted(resolved.grace_plans),
        sorted(resolved.expired_grace_plans),
        sorted(resolved.features),
        sorted(resolved.grace_features),
        sorted(resolved.quantities.items()),
        resolved.fresh_until and resolved.fresh_until.isoformat(),
        resolved.valid_until and resolved.valid_until.isoformat(),
    )
    return hashlib.sha256(repr(answers).encode()).hexdigest()


def _refusal(resolved: Resolved) -> Reason:
    """Say why something is not granted when no expired grace explains it."""
    if resolved.failed:
        return Reason.ERROR
    return Reason.NOT_ENTITLED if resolved.plans else Reason.NO_ACTIVE_SUBSCRIPTION


def _decision(resolved: Resolved, asked: str, reason: Reason) -> Decision:
    """Date the answer: only staleness takes away what an entitling row or the default gives.

    Any other answer may turn at the first instant due, even a refusal: when the last plan goes, the default comes.
    """
    until = resolved.fresh_until if reason is Reason.ENTITLED else resolved.valid_until
    return Decision(feature=asked, reason=reason, valid_until=until)


_NO_FEATURES: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class _Rows:
    """The states that count, by how they do, and the instants at which that changes; filled by `_sort` alone."""

    active: list[SubscriptionState] = field(default_factory=list)
    grace: list[SubscriptionState] = field(default_factory=list)
    expired: list[SubscriptionState] = field(default_factory=list)
    fresh_ends: list[datetime] = field(default_factory=list)
    grace_ends: list[datetime] = field(default_factory=list)


def _sort(catalog: Catalog, held: Sequence[Held], now: datetime) -> _Rows:
    """Sort the rows into those that are entitling, in grace and out of it; the others are left out."""
    rows = _Rows()
    for row in held:
        entitling = lifecycle.entitling(row.state)
        fresh_end = _fresh_end(catalog, row)
        if not (entitling or lifecycle.grace_candidate(row.state, catalog.grace)) or (fresh_end and now > fresh_end):
            continue
        if fresh_end:
            rows.fresh_ends.append(fresh_end)
        if entitling:
            rows.active.append(row.state)
            continue
        grace_end = lifecycle.grace_end(row.state, row.past_due_since, catalog.grace)
        if grace_end and now <= grace_end:
            rows.grace.append(row.state)
            rows.grace_ends.append(grace_end)
        else:
            rows.expired.append(row.state)
    return rows


def _fresh_end(catalog: Catalog, row: Held) -> datetime | None:
    """Find the last instant at which the row still counts without news, so long after its period's end or later news.

    None when the catalog sets no such time, or no item tells when its period ends.
    """
    if catalog.stale_after_hours is None:
        return None
    end = lifecycle.period_end(row.state)
    return end and lifecycle.later(max(end, row.last_fact_at), hours=catalog.stale_after_hours)


def _plans(catalog: Catalog, states: Sequence[SubscriptionState]) -> frozenset[str]:
    """Name the plans that these states' items stand for."""
    prices = catalog.plan_of_price
    return frozenset([prices[item.price_id] for state in states for item in state.items if item.price_id in prices])


def _features(catalog: Catalog, plans: frozenset[str]) -> frozenset[str]:
    """Unite the features of plans."""
    return _NO_FEATURES.union(*[catalog.plans[name].features for name in plans])


def _limits(catalog: Catalog, items: Iterable[Item]) -> list[tuple[Mapping[str, Limit], int | None]]:
    """Give each mapped item's limits with its quantity."""
    prices = catalog.plan_of_price
    return [(catalog.plans[prices[item.price_id]].limits, item.quantity) for item in items if item.price_id in prices]


def _quantities(given: Iterable[tuple[Mapping[str, Limit], int | None]]) -> dict[str, int]:
    """Fold limits into totals, sorted by key: the largest `max`, each `sum` on top, no end where one has none."""
    largest: dict[str, int] = {}
    added: dict[str, int] = {}
    for limits, item_quantity in given:
        for key, limit in limits.items():
            value = limit.of(item_quantity)
            if limit.merge is Merge.SUM:
                added[key] = added.get(key, 0) + value
            elif value >= largest.get(key, 0):
                largest[key] = value
    return {key: _total(largest.get(key, 0), added.get(key, 0)) for key in sorted(largest.keys() | added.keys())}


def _total(largest: int, added: int) -> int:
    """Add up, stopping at the greatest number; no end stays no end."""
    return UNLIMITED if largest == UNLIMITED else min(largest + added, GREATEST)

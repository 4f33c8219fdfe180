"""What a customer's subscriptions give it now, and why: pure functions over the catalog and plain rows.

No session, no clock, no processor and nothing that was merely observed: the same rows give the same answer whoever
bills. The roads to yes are a price that the catalog maps, on a row that `lifecycle` lets count, `[default]`, and an
override, which only gives.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from domain.billing import lifecycle
from domain.billing.states import Item, SubscriptionState
from domain.entitlements.catalog import GREATEST, UNLIMITED, Catalog, Limit, Merge, UnmappedAction
from domain.ids import OverrideId, SubscriptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One current row of the mirror. `last_fact_at` is the processor's time of the newest fact; instants are UTC."""

    subscription_id: SubscriptionId
    processor: str
    state: SubscriptionState
    past_due_since: datetime | None
    last_fact_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One override that has not been revoked: a feature, or a limit of at least `value`; exactly one of the two.

    `expires_at` is its last instant, in UTC; None: it lasts until it is revoked.
    """

    override_id: OverrideId
    feature: str | None = None
    limit: str | None = None
    value: int = 0
    expires_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Say whether it still counts."""
        return self.expires_at is None or now <= self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one customer's answers are worked out from: all its rows that may count, and its living overrides."""

    held: tuple[Held, ...] = ()
    granted: tuple[Granted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What all rows and overrides of one customer give together.

    `plans` are `active_plans` and `grace_plans`; a plan can be in both, and in `expired_grace_plans` too.
    `grace_features` are those that only grace gives, `override_ends` tells of those that only overrides give, or grace
    and overrides, when the last of these overrides ends. `features` and `quantities` begin with the default when
    `plans` is empty. `fresh_until` is the last instant before a row that counts goes stale, `turns_at` the last before
    rows change anything, `valid_until` the last before anything here changes by itself, all inclusive; None: nothing
    is due.
    """

    plans: frozenset[str] = frozenset()
    active_plans: frozenset[str] = frozenset()
    grace_plans: frozenset[str] = frozenset()
    expired_grace_plans: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    grace_features: frozenset[str] = frozenset()
    override_ends: Mapping[str, datetime | None] = field(default_factory=dict)
    quantities: Mapping[str, int] = field(default_factory=dict)
    unmapped_price_ids: tuple[str, ...] = ()
    fresh_until: datetime | None = None
    turns_at: datetime | None = None
    valid_until: datetime | None = None
    failed: bool = False


FAILED = Resolved(failed=True)
"""Stands for a resolution that did not succeed: it gives nothing, and every decision on it says `error`."""


class UnmappedPrice(Exception):
    """The customer pays for prices that no plan has, and the catalog wants that loud (`unmapped_action = "raise"`).

    `denial` is what the customer has instead: nothing, until a row changes how it counts.
    """

    def __init__(self, price_ids: Iterable[str], *, turns_at: datetime | None) -> None:
        self.price_ids = tuple(sorted(price_ids))
        self.denial = replace(FAILED, turns_at=turns_at, valid_until=turns_at)
        super().__init__("no plan has these prices: " + ", ".join(self.price_ids))


def resolve(catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
    """Work out what the customer that these rows and overrides belong to has at `now`; all of them must be given.

    Rows that are stale, paused, ended or unpaid give nothing. A past-due row out of its grace only leaves its plans in
    `expired_grace_plans`; its unmapped prices are no drift. An override that has expired is as if it were not there.

    Raises:
        UnmappedPrice: a row that counts has a price that no plan has, and the catalog says `raise`.
    """
    rows = _sort(catalog, held, now)
    active_plans, grace_plans = _plans(catalog, rows.active), _plans(catalog, rows.grace)
    plans = active_plans | grace_plans
    items = [item for state in (*rows.active, *rows.grace) for item in state.items]
    unmapped = {item.price_id for item in items} - catalog.plan_of_price.keys()
    turns_at = min(rows.fresh_ends + rows.grace_ends, default=None)
    if unmapped and catalog.unmapped_action is UnmappedAction.RAISE:
        raise UnmappedPrice(unmapped, turns_at=turns_at)
    active_features, grace_features = _features(catalog, active_plans), _features(catalog, grace_plans)
    resolved = Resolved(
        plans=plans,
        active_plans=active_plans,
        grace_plans=grace_plans,
        expired_grace_plans=_plans(catalog, rows.expired),
        features=active_features | grace_features if plans else catalog.default.features,
        grace_features=grace_features - active_features,
        quantities=_quantities(_limits(catalog, items) if plans else [(catalog.default.limits, None)]),
        unmapped_price_ids=tuple(sorted(unmapped)),
        fresh_until=min(rows.fresh_ends, default=None),
        turns_at=turns_at,
        valid_until=turns_at,
    )
    holding = [override for override in granted if override.holds(now)]
    return _overridden(resolved, holding) if holding else resolved


def _overridden(resolved: Resolved, holding: Sequence[Granted]) -> Resolved:
    """Add what overrides give: features, and limits raised to at least their values."""
    given = {override.feature for override in holding if override.feature is not None}
    firm = resolved.features - resolved.grace_features
    raised = dict(resolved.quantities)
    for override in holding:
        if override.limit is not None:
            raised[override.limit] = max(override.value, raised.get(override.limit, 0))
    ends = [override.expires_at for override in holding if override.expires_at is not None]
    return replace(
        resolved,
        features=resolved.features | given,
        grace_features=resolved.grace_features - given,
        override_ends={feature: _last_end(feature, holding) for feature in given - firm},
        quantities=dict(sorted(raised.items())),
        valid_until=min([*ends, *([resolved.turns_at] if resolved.turns_at else [])], default=None),
    )


def _last_end(feature: str, holding: Sequence[Granted]) -> datetime | None:
    """Tell when the last override that gives a feature ends; None: one of them does not."""
    ends = [override.expires_at for override in holding if override.feature == feature]
    return None if None in ends else max(end for end in ends if end is not None)


_NO_FEATURES: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class _Rows:
    """The states that count, by how they do, and the instants at which that changes; filled by `_sort` alone."""

    active: list[SubscriptionState] = field(default_factory=list)
    grace: list[SubscriptionState] = field(default_factory=list)
    expired: list[SubscriptionState] = field(default_factory=list)
    fresh_ends: list[datetime] = field(default_factory=list)
    grace_ends: list[datetime] = field(default_factory=list)


class Force(StrEnum):
    """How much a row counts: what it gives, or why it gives nothing."""

    ENTITLING = "entitling"
    GRACE = "grace"
    GRACE_OVER = "grace_over"
    STALE = "stale"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Judged:
    """How one row counts at one instant.

    `fresh_end` is the last instant at which it does without news, `grace_end` the last one of its grace; None: there is
    no such end, or it is of no matter.
    """

    force: Force
    fresh_end: datetime | None = None
    grace_end: datetime | None = None


_GIVES_NOTHING = Judged(Force.NOTHING)


def judge(catalog: Catalog, row: Held, now: datetime) -> Judged:
    """Say how a row counts at `now`; stale, paused, ended and unpaid ones do not."""
    entitling = lifecycle.entitling(row.state)
    if not entitling and not lifecycle.grace_candidate(row.state, catalog.grace):
        return _GIVES_NOTHING
    fresh_end = _fresh_end(catalog, row)
    if fresh_end and now > fresh_end:
        return Judged(Force.STALE, fresh_end)
    if entitling:
        return Judged(Force.ENTITLING, fresh_end)
    grace_end = lifecycle.grace_end(row.state, row.past_due_since, catalog.grace)
    in_grace = grace_end is not None and now <= grace_end
    return Judged(Force.GRACE if in_grace else Force.GRACE_OVER, fresh_end, grace_end)


def _sort(catalog: Catalog, held: Sequence[Held], now: datetime) -> _Rows:
    """Sort the rows into those that are entitling, in grace and out of it; the others are left out."""
    rows = _Rows()
    places = {Force.ENTITLING: rows.active, Force.GRACE: rows.grace, Force.GRACE_OVER: rows.expired}
    for row in held:
        judged = judge(catalog, row, now)
        if judged.force not in places:
            continue
        places[judged.force].append(row.state)
        if judged.fresh_end:
            rows.fresh_ends.append(judged.fresh_end)
        if judged.force is Force.GRACE and judged.grace_end:
            rows.grace_ends.append(judged.grace_end)
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
    return {key: total(largest.get(key, 0), added.get(key, 0)) for key in sorted(largest.keys() | added.keys())}


def total(largest: int, added: int) -> int:
    """Add up, stopping at the greatest number; no end stays no end."""
    return UNLIMITED if largest == UNLIMITED else min(largest + added, GREATEST)

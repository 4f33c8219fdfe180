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
    present = [row for row in held if lifecycle.level(row.state) and not _stale(catalog, row, now)]
    entitling = [row.state for row in present if lifecycle.entitling(row.state)]
    ...

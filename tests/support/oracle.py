"""What a customer has, worked out the slow and obvious way from the contract's words alone.

It reads a catalog as the operator writes it and rows with instants as whole microseconds. It knows none of the
product's code, so that the two can only agree by both being right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

HOUR = 3_600_000_000
DAY = 24 * HOUR
GREATEST = 2_147_483_646
UNLIMITED = 2_147_483_647

Catalog: TypeAlias = Mapping[str, Any]
Pause: TypeAlias = Literal["empty", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One price of a subscription."""

    price: str
    quantity: int | None = 1
    period_end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One subscription of the mirror. Trial, planned ends and their flag are there because they must not matter."""

    status: str
    items: tuple[Item, ...] = ()
    pause: Pause | None = None
    ended_at: int | None = None
    past_due_since: int | None = None
    last_fact_at: int = 0
    trial_end: int | None = None
    cancel_at: int | None = None
    cancel_at_period_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """One override that is not revoked: a feature, or a limit and its value."""

    feature: str | None = None
    limit: str | None = None
    value: int = 0
    expires_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One item whose plan is known, and whether its row is in grace."""

    plan: str
    quantity: int | None
    in_grace: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What one customer has under one catalog: ask it for any instant."""

    catalog: Catalog
    rows: tuple[Row, ...]
    gifts: tuple[Gift, ...]

    def at(self, now: int) -> "Answers":
        counting = [row for row in self.rows if not self._stale(row, now)]
        entitling = [row for row in counting if _entitling(row)]
        late = [row for row in counting if self._candidate(row)]
        in_grace = [row for row in late if self._in_grace(row, now)]
        expired = [row for row in late if not self._in_grace(row, now)]
        prices = {item.price for row in (*entitling, *in_grace) for item in row.items}
        unmapped = sorted(price for price in prices if self.plan_of(price) is None)
        return Answers(
            truth=self,
            holdings=(*self._holdings(entitling, in_grace=False), *self._holdings(in_grace, in_grace=True)),
            expired={holding.plan for holding in self._holdings(expired, in_grace=True)},
            unmapped=tuple(unmapped),
            gifts=tuple(gift for gift in self.gifts if gift.expires_at is None or gift.expires_at >= now),
        )

    def dues(self, now: int) -> list[int]:
        """List the instants after which something may be another way without news: the last ones, inclusive."""
        ends = [gift.expires_at for gift in self.gifts if gift.expires_at is not None and gift.expires_at >= now]
        return sorted({*ends, *self.row_dues(now)})

    def row_dues(self, now: int) -> list[int]:
        """List those of them at which a row turns."""
        ends: list[int | None] = []
        for row in self.rows:
            if (_entitling(row) or self._candidate(row)) and not self._stale(row, now):
                ends.append(self._stale_end(row))
                if self._candidate(row) and self._in_grace(row, now):
                    ends.append(self._grace_end(row))
        return sorted({end for end in ends if end is not None and end >= now})

    def plan_of(self, price: str) -> str | None:
        for name, plan in self.catalog["plans"].items():
            if price in plan.get("price_ids", []) or price in plan.get("braintree_plan_ids", []):
                return str(name)
        return None

    def find_plan(self, plan_or_price: str) -> str | None:
        return plan_or_price if plan_or_price in self.catalog["plans"] else self.plan_of(plan_or_price)

    def _holdings(self, rows: list[Row], *, in_grace: bool) -> Iterator[Holding]:
        for item in (item for row in rows for item in row.items):
            plan = self.plan_of(item.price)
            if plan is not None:
                yield Holding(plan=plan, quantity=item.quantity, in_grace=in_grace)

    def _grace_days(self) -> int | None:
        grace = self.catalog.get("past_due_grace", "none")
        if grace == "none":
            return None
        return int(self.catalog.get("dunning_grace_days", 14) if grace == "dunning" else grace)

    def _candidate(self, row: Row) -> bool:
        return self._grace_days() is not None and row.status == "past_due" and not _paused(row) and not _ended(row)

    def _in_grace(self, row: Row, now: int) -> bool:
        days = self._grace_days()
        return days is not None and row.past_due_since is not None and row.past_due_since >= now - days * DAY

    def _grace_end(self, row: Row) -> int | None:
        days = self._grace_days()
        return None if days is None or row.past_due_since is None else row.past_due_since + days * DAY

    def _stale_end(self, row: Row) -> int | None:
        """Tell the last instant of a row that stays without news: so long after its period, or after later news."""
        hours = self.catalog.get("stale_after_hours")
        ends = [item.period_end for item in row.items if item.period_end is not None]
        return None if hours is None or not ends else max(*ends, row.last_fact_at) + hours * HOUR

    def _stale(self, row: Row, now: int) -> bool:
        end = self._stale_end(row)
        return end is not None and now > end


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a customer has at one instant. What is asked often is worked out once."""

    truth: Truth
    holdings: tuple[Holding, ...]
    expired: set[str]
    unmapped: tuple[str, ...]
    gifts: tuple[Gift, ...]

    @cached_property
    def failed(self) -> bool:
        """Say whether a price that no plan has denies everything."""
        return bool(self.unmapped) and self.truth.catalog.get("unmapped_action", "deny") == "raise"

    @cached_property
    def plans(self) -> set[str]:
        return set() if self.failed else {holding.plan for holding in self.holdings}

    @cached_property
    def features(self) -> set[str]:
        return set() if self.failed else self._firm_features | self._features_of(in_grace=True)

    @property
    def keys(self) -> set[str]:
        """Give the limits that there are, those of 0 too."""
        if self.failed:
            return set()
        gifts = {gift.limit for gift in self.gifts if gift.limit is not None}
        return gifts.union(*(limits for limits, _ in self._limits()))

    def feature_reason(self, feature: str) -> str:
        if self.failed:
            return "error"
        if feature in self._firm_features:
            return "entitled"
        if feature in self.features:
            return "past_due_grace"
        if self.expired:
            return "past_due_expired"
        return "not_entitled" if self.plans else "no_active_subscription"

    def plan_reason(self, plan_or_price: str) -> str:
        if self.failed:
            return "error"
        plan = self.truth.find_plan(plan_or_price)
        if plan is None:
            return "unmapped_plan"
        ways = {holding.in_grace for holding in self.holdings if holding.plan == plan}
        if ways:
            return "past_due_grace" if True in ways else "entitled"
        if plan in self.expired:
            return "past_due_expired"
        return "not_entitled" if self.plans else "no_active_subscription"

    def quantity(self, key: str) -> int:
        if self.failed:
            return 0
        given = [gift.value for gift in self.gifts if gift.limit == key]
        return max([self._bought(key), *given])

    def _bought(self, key: str) -> int:
        largest, sums = 0, 0
        for limits, quantity in self._limits():
            limit = limits.get(key)
            if limit == "unlimited":
                return UNLIMITED
            if isinstance(limit, Mapping) and limit.get("merge", "max") == "sum":
                sums += _amount(limit, quantity)
            elif limit is not None:
                largest = max(largest, _amount(limit, quantity))
        return min(largest + sums, GREATEST)

    def _limits(self) -> list[tuple[Mapping[str, Any], int | None]]:
        """List what counts, each with the quantity of its item; the default when no plan is held."""
        if not self.holdings:
            return [(self.truth.catalog.get("default", {}).get("limits", {}), None)]
        plans = self.truth.catalog["plans"]
        return [(plans[holding.plan].get("limits", {}), holding.quantity) for holding in self.holdings]

    def lent_until(self, feature: str) -> int | None:
        """Tell when the last override ends that gives what no entitling plan and no default gives."""
        ends = [gift.expires_at for gift in self.gifts if gift.feature == feature]
        lasting = feature in self._default_features | self._features_of(in_grace=False)
        return None if lasting else max((end for end in ends if end is not None and None not in ends), default=None)

    @cached_property
    def _default_features(self) -> set[str]:
        return set() if self.holdings else set(self.truth.catalog.get("default", {}).get("features", []))

    @cached_property
    def _firm_features(self) -> set[str]:
        gifts = {gift.feature for gift in self.gifts if gift.feature is not None}
        return self._default_features | gifts | self._features_of(in_grace=False)

    def _features_of(self, *, in_grace: bool) -> set[str]:
        held = {holding.plan for holding in self.holdings if holding.in_grace == in_grace}
        return {feature for plan in held for feature in self.truth.catalog["plans"][plan].get("features", [])}


def _paused(row: Row) -> bool:
    return row.status == "paused" or row.pause is not None


def _ended(row: Row) -> bool:
    return row.status in {"canceled", "incomplete_expired"} or row.ended_at is not None


def _entitling(row: Row) -> bool:
    return row.status in {"active", "trialing"} and not _paused(row) and not _ended(row)


def _amount(limit: int | Mapping[str, Any], quantity: int | None) -> int:
    """Count what one item gives."""
    if isinstance(limit, int):
        return limit
    if "amount" in limit:
        return int(limit["amount"])
    bought = max(quantity or 0, 0) * int(limit.get("times", 1))
    return min(bought, int(limit["max"])) if "max" in limit else bought

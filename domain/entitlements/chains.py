"""Why an answer is what it is, link by link: from what a customer holds to the feature or the limit that was asked for.

Pure functions over what the answer was worked out from. Rows are judged by the resolver itself, so that no second rule
can creep in. Who may read a chain is asked elsewhere, and no gate ever asks for one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.billing.states import Item
from domain.entitlements import links
from domain.entitlements.catalog import UNLIMITED, Catalog, Limit, Merge, Plan, UnmappedAction
from domain.entitlements.links import ALIVE, Step, StepKind
from domain.entitlements.resolver import Force, Given, Granted, Held, Judged, Resolved, judge, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What one customer's answers at `now` rest on. `given` None: nobody could find out what it holds."""

    catalog: Catalog
    given: Given | None
    resolved: Resolved
    now: datetime

    @property
    def held(self) -> Iterator[tuple[Held, Judged]]:
        """The rows, each with how it counts."""
        rows = sorted((self.given or Given()).held, key=lambda row: row.subscription_id)
        return ((row, judge(self.catalog, row, self.now)) for row in rows)

    def overrides(self, key: str, *, of_limit: bool) -> list[Granted]:
        """List the overrides of a feature or of a limit, those that have ended among them."""
        granted = sorted((self.given or Given()).granted, key=lambda override: override.override_id)
        return [each for each in granted if key == (each.limit if of_limit else each.feature)]

    def default(self, key: str, *, declared: bool) -> tuple[bool, str]:
        """Say whether the default gives something, and in a sentence why."""
        if not declared:
            return False, f"The catalog's default says nothing of {key}."
        if self.resolved.plans:
            return False, "A plan is held, so the catalog's default does not count."
        if self.given == Given() and self.resolved == Resolved():
            return False, "The customer's owner is not there, so not even the catalog's default is given."
        return True, f"No plan is held, so the catalog's default gives {key}."


def of_feature(basis: Basis, feature: str) -> tuple[Step, ...]:
    """Lead from what the customer holds to a feature, first to last; `decide_feature` says where that ends.

    The default, then each subscription with its items, their plans and whether these have the feature, then overrides.
    What breaks off does not count and is followed no further; of a grace that is over the plans are still named.
    """
    if basis.resolved.failed:
        return tuple(_failure(basis, None))

    def last(row: Held, judged: Judged, item: Item, plan: Plan) -> Step:  # noqa: ARG001 - limits ask for the item
        return links.feature(row, plan, feature, counts=judged.force in ALIVE and feature in plan.features)

    counts, detail = basis.default(feature, declared=feature in basis.catalog.default.features)
    default = Step(kind=StepKind.DEFAULT, counts=counts, detail=detail, key=feature)
    overrides = [
        links.override(each, now=basis.now, counts=each.holds(basis.now))
        for each in basis.overrides(feature, of_limit=False)
    ]
    return (default, *_trunk(basis, last, lambda: None), *overrides)


def of_limit(basis: Basis, key: str) -> tuple[Step, ...]:
    """Lead from what the customer holds to a limit in the same way; the last link's `value` is `quantity`.

    A plan's limit counts when it is the largest of those of which the largest counts, or when it is added on top. An
    override counts when it raises the limit to where it ends.
    """
    if basis.resolved.failed:
        return tuple(_failure(basis, 0))
    of_default = basis.catalog.default.limits.get(key)
    counts, detail = basis.default(key, declared=of_default is not None)
    fold = _Fold(largest_of_all=_largest(basis, key, of_default if counts else None))
    if counts and of_default is not None:
        fold.take(of_default, None)

    def last(row: Held, judged: Judged, item: Item, plan: Plan) -> Step:
        limit = plan.limits.get(key) if judged.force in ALIVE else None
        taken = limit is not None and fold.take(limit, item.quantity)
        return links.limit(row, plan, item, key, counts=taken, value=fold.value)

    default = Step(kind=StepKind.DEFAULT, counts=counts, detail=detail, key=key, value=fold.value)
    trunk = [default, *_trunk(basis, last, lambda: fold.value)]
    return (*trunk, *_raised(basis, key, fold.value))


def _trunk(
    basis: Basis, last: Callable[[Held, Judged, Item, Plan], Step], value: Callable[[], int | None]
) -> Iterator[Step]:
    """Yield each subscription's links as far as they lead; `last` makes the one behind each plan."""
    for row, judged in basis.held:
        yield links.subscription(row, judged, value=value())
        for item in row.state.items if judged.force in {*ALIVE, Force.GRACE_OVER} else ():
            plan = basis.catalog.find_price(item.price_id)
            counts = plan is not None and judged.force in ALIVE
            yield links.item(row, item, plan, counts=counts, value=value())
            if plan is not None:
                yield links.plan(row, plan, judged, value=value())
                yield last(row, judged, item, plan)


def _failure(basis: Basis, value: int | None) -> Iterator[Step]:
    """Yield what the failure came of: prices that the catalog wants to be loud about, or nobody knows what."""
    found = False
    for row, judged in basis.held if basis.catalog.unmapped_action is UnmappedAction.RAISE else ():
        unmapped = [item for item in row.state.items if not basis.catalog.is_known(item.price_id)]
        if unmapped and judged.force in ALIVE:
            found = True
            yield links.subscription(row, judged, value=value)
            yield from (links.loud(row, item, value=value) for item in unmapped)
    if not found:
        yield links.unknown(value=value)


@dataclass(slots=True, kw_only=True)
class _Fold:
    """Adds up one limit as the resolver does, passing over what makes no difference in the end."""

    largest_of_all: int
    largest: int = 0
    added: int = 0

    @property
    def value(self) -> int:
        return total(self.largest, self.added)

    def take(self, limit: Limit, quantity: int | None) -> bool:
        """Add what an item gives, and say whether it counts."""
        value = limit.of(quantity)
        if limit.merge is Merge.SUM:
            counts = value > 0 and self.largest_of_all != UNLIMITED
            self.added += value if counts else 0
        else:
            counts = 0 < value == self.largest_of_all
            self.largest = value if counts else self.largest
        return counts


def _largest(basis: Basis, key: str, of_default: Limit | None) -> int:
    """Find the largest of the limits of which the largest counts."""
    given: Sequence[tuple[Limit | None, int | None]] = [
        (plan.limits.get(key), item.quantity)
        for row, judged in basis.held
        if judged.force in ALIVE
        for item in row.state.items
        if (plan := basis.catalog.find_price(item.price_id)) is not None
    ]
    found = [(limit, quantity) for limit, quantity in [*given, (of_default, None)] if limit is not None]
    return max((limit.of(quantity) for limit, quantity in found if limit.merge is Merge.MAX), default=0)


def _raised(basis: Basis, key: str, planned: int) -> Iterator[Step]:
    """Yield the overrides of a limit over what plans or the default give."""
    overrides, now = basis.overrides(key, of_limit=True), basis.now
    at_last = max((each.value for each in overrides if each.holds(now)), default=0)
    value = planned
    for each in overrides:
        counts = each.holds(now) and planned < each.value == at_last
        value = at_last if counts else value
        yield links.override(each, now=now, counts=counts, value=value)

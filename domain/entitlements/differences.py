"""What another catalog would change for a customer, and for all of them together: pure, the instant is an argument."""

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.billing import Owner
from domain.entitlements import decisions, resolver
from domain.entitlements.catalog import Catalog
from domain.entitlements.resolver import Given, Resolved, UnmappedPrice
from domain.ids import CustomerId

WORST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What differs between the answers by two catalogs; names are sorted, limits hold what was and what would be.

    `seats` are the limits of the seats by either catalog, and `unmapped` and `mapped` the paid prices that no plan has
    by the new catalog, or by the old one alone.
    """

    features_lost: tuple[str, ...]
    features_gained: tuple[str, ...]
    plans_lost: tuple[str, ...]
    plans_gained: tuple[str, ...]
    lowered: Mapping[str, tuple[int, int]]
    raised: Mapping[str, tuple[int, int]]
    unmapped: tuple[str, ...]
    mapped: tuple[str, ...]
    seats: tuple[int, int]

    @property
    def loses(self) -> bool:
        """Say whether anything is taken away: a feature, a plan, some of a limit, or what a price stands for."""
        return bool(self.features_lost or self.plans_lost or self.lowered or self.unmapped or self.fewer_seats)

    @property
    def gains(self) -> bool:
        """Say whether anything is added."""
        more_seats = self.seats[1] > self.seats[0]
        return bool(self.features_gained or self.plans_gained or self.raised or self.mapped or more_seats)

    @property
    def fewer_seats(self) -> bool:
        """Say whether the seats' limit is lowered."""
        return self.seats[1] < self.seats[0]

    def seats_over(self, taken: int) -> int:
        """Count how many of the seats taken the new limit would not give, where it is lower than the old one."""
        return max(0, taken - self.seats[1]) if self.fewer_seats else 0


def compare(old: Catalog, new: Catalog, given: Given, *, now: datetime) -> Change:
    """Work out what a customer would lose and gain at `now`; where a catalog denies the whole customer, all of it."""
    before, after = _resolved(old, given, now), _resolved(new, given, now)
    limits = {
        key: (decisions.quantity(before, key), decisions.quantity(after, key))
        for key in sorted(before.quantities.keys() | after.quantities.keys())
    }
    return Change(
        features_lost=_less(before.features, after.features),
        features_gained=_less(after.features, before.features),
        plans_lost=_less(before.plans, after.plans),
        plans_gained=_less(after.plans, before.plans),
        lowered={key: (was, will) for key, (was, will) in limits.items() if will < was},
        raised={key: (was, will) for key, (was, will) in limits.items() if will > was},
        unmapped=_less(frozenset(after.unmapped_price_ids), frozenset(before.unmapped_price_ids)),
        mapped=_less(frozenset(before.unmapped_price_ids), frozenset(after.unmapped_price_ids)),
        seats=(decisions.quantity(before, old.seat_limit), decisions.quantity(after, new.seat_limit)),
    )


def _resolved(catalog: Catalog, given: Given, now: datetime) -> Resolved:
    try:
        return resolver.resolve(catalog, given.held, given.granted, now=now)
    except UnmappedPrice as error:
        return Resolved(failed=True, unmapped_price_ids=error.price_ids)


def _less(these: frozenset[str], those: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(these - those))


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A customer for whom something changes, and how many of its seats the new limit would not give."""

    customer_id: CustomerId
    owner: Owner
    change: Change
    seats_over: int

    @property
    def severity(self) -> tuple[int, int, int, int]:
        """How bad it is, to compare: most seats over the limit, then most features, plans and limits lost."""
        change = self.change
        return self.seats_over, len(change.features_lost), len(change.plans_lost), len(change.lowered)


@dataclass(slots=True, kw_only=True)
class Totals:
    """Counts customers, by what changes for them, and keeps the worst cases; in no more room for more customers."""

    customers: int = 0
    unreadable: int = 0
    affected: int = 0
    losing: int = 0
    gaining: int = 0
    over_limit: int = 0
    seats_over: int = 0
    features_lost: Counter[str] = field(default_factory=Counter)
    features_gained: Counter[str] = field(default_factory=Counter)
    plans_lost: Counter[str] = field(default_factory=Counter)
    plans_gained: Counter[str] = field(default_factory=Counter)
    lowered: Counter[str] = field(default_factory=Counter)
    raised: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    mapped: Counter[str] = field(default_factory=Counter)
    _worst: list[tuple[tuple[int, int, int, int], int, Affected]] = field(default_factory=list)

    def add(self, found: Affected) -> None:
        """Count one more customer for whom something changes."""
        change = found.change
        self.affected += 1
        self.losing += change.loses
        self.gaining += change.gains
        self.over_limit += found.seats_over > 0
        self.seats_over += found.seats_over
        self.features_lost.update(change.features_lost)
        self.features_gained.update(change.features_gained)
        self.plans_lost.update(change.plans_lost)
        self.plans_gained.update(change.plans_gained)
        self.lowered.update(change.lowered.keys())
        self.raised.update(change.raised.keys())
        self.unmapped.update(change.unmapped)
        self.mapped.update(change.mapped)
        if change.loses:
            # Of two that are equally bad the one that was found first stays.
            push = heapq.heappush if len(self._worst) < WORST else heapq.heappushpop
            push(self._worst, (found.severity, -self.affected, found))

    @property
    def worst(self) -> list[Affected]:
        """List the worst cases, the worst first."""
        return [found for _, _, found in sorted(self._worst, reverse=True)]

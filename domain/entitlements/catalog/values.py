"""The catalog as frozen values, with what every request looks up worked out beforehand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from domain.billing.lifecycle import NO_GRACE, Dunning, Grace, TerminalAction
from domain.billing.quantities import SeatQuantity

GREATEST = 2_147_483_646
"""The largest number that the catalog may hold and that a total may reach."""

UNLIMITED = GREATEST + 1
"""Stands for no limit, in the one integer that GraphQL can still carry."""

SEAT_LIMIT = "seats"
DUNNING = Dunning(days=14, action=TerminalAction.NONE)


class Merge(StrEnum):
    """How a limit joins the same limit of other items: the largest counts, or it is added on top."""

    MAX = "max"
    SUM = "sum"


class UnmappedAction(StrEnum):
    """What an entitling price that no plan has does: grant nothing, or deny the whole customer."""

    DENY = "deny"
    RAISE = "raise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many of something: `amount` (UNLIMITED: no end), or `times` the item's quantity, at most `max`."""

    amount: int | None = None
    times: int = 1
    max: int | None = None
    merge: Merge = Merge.MAX

    @property
    def unlimited(self) -> bool:
        """Say whether there is no end to it."""
        return self.amount == UNLIMITED

    @property
    def per_quantity(self) -> bool:
        """Say whether it grows with the item's quantity."""
        return self.amount is None

    def of(self, quantity: int | None) -> int:
        """Count what an item of this quantity gives; a null or negative quantity is 0, `max` caps the product."""
        if self.amount is not None:
            return self.amount
        return min(max(quantity or 0, 0) * self.times, GREATEST if self.max is None else self.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What holding one of its prices gives. An add-on is no base plan.

    With a `seat_quantity`, the quantity of its prices follows the seats that are held.
    """

    name: str
    features: frozenset[str] = frozenset()
    limits: Mapping[str, Limit]
    price_ids: tuple[str, ...] = ()
    braintree_plan_ids: tuple[str, ...] = ()
    add_on: bool = False
    seat_quantity: SeatQuantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """What a customer has when it holds no plan."""

    features: frozenset[str] = frozenset()
    limits: Mapping[str, Limit]


@dataclass(frozen=True, slots=True)
class Forbid:
    """Deny with the opaque answer."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Deny by sending the browser to a path of this host or to an http address."""

    path: str


@dataclass(frozen=True, slots=True)
class Respond:
    """Deny with a status from 400 to 599 and a body."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Call:
    """Deny by asking a function of the host."""

    module: str
    function: str


OnDeny: TypeAlias = Forbid | Redirect | Respond | Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The whole catalog. Mappings and tuples are sorted by name; `version` is equal for files that say the same.

    `plan_of_price` holds the price ids and the Braintree plan ids together; `features` those of plans and default. They
    and `version` follow from the rest, and `documents.completed` works them out.

    What is at its default is left out of stored catalogs and of the version. Whatever is added here needs a default
    that means what catalogs meant without it, and no default may change.
    """

    plans: Mapping[str, Plan]
    default: Default = field(default_factory=lambda: Default(limits={}))
    grace: Grace = NO_GRACE
    dunning: Dunning = DUNNING
    stale_after_hours: int | None = None
    unmapped_action: UnmappedAction = UnmappedAction.DENY
    on_deny: OnDeny = Forbid()
    seat_limit: str = SEAT_LIMIT
    plan_of_price: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    version: str = ""

    def find_plan(self, plan_or_price: str) -> Plan | None:
        """Find a plan by its name, else by a price of it; None when the catalog knows neither."""
        return self.plans.get(plan_or_price) or self.plans.get(self.plan_of_price.get(plan_or_price, ""))

    def find_price(self, price_id: str) -> Plan | None:
        """Find the plan that has a price."""
        return self.plans.get(self.plan_of_price.get(price_id, ""))

    def is_known(self, price_id: str) -> bool:
        """Say whether some plan has this price."""
        return price_id in self.plan_of_price

    def has_base(self, price_ids: Iterable[str]) -> bool:
        """Say whether not all of these prices are add-ons, as for a base subscription."""
        return any(not self.is_add_on(price_id) for price_id in price_ids)

    def is_add_on(self, price_id: str) -> bool:
        """Say whether the price's plan is an add-on; an unknown price is not."""
        plan = self.find_price(price_id)
        return plan is not None and plan.add_on

    def has_limit(self, key: str) -> bool:
        """Say whether some plan, or the default, declares a limit."""
        return key in self.default.limits or any(key in plan.limits for plan in self.plans.values())

    def seat_quantity_of(self, price_id: str) -> SeatQuantity | None:
        """Tell how the quantity of a price follows the seats; None when it does not."""
        plan = self.find_price(price_id)
        return None if plan is None else plan.seat_quantity

    @property
    def shortest_debounce(self) -> timedelta | None:
        """The shortest debounce of all plans whose quantity follows the seats; None when there is none."""
        following = (plan.seat_quantity for plan in self.plans.values() if plan.seat_quantity is not None)
        return min((timedelta(seconds=rules.debounce_seconds) for rules in following), default=None)

    @property
    def follows_seats(self) -> bool:
        """Say whether the quantity of any plan follows the seats."""
        return self.shortest_debounce is not None

    def check_gates(self, *, features: Iterable[str], plans: Iterable[str]) -> list[str]:
        """List a fault for each gate that no customer could ever pass, because nothing declares what it asks for."""
        return [
            *(f"gate: no plan declares the feature {name!r}" for name in sorted({*features} - {*self.features})),
            *(
                f"gate: no plan is called {name!r}, nor a price"
                for name in sorted({*plans})
                if not self.find_plan(name)
            ),
        ]

    def check_counted(self, keys: Iterable[str]) -> list[str]:
        """List a fault for each counted key of which no customer could ever have one, and for the seats."""
        counted_already = [key for key in {*keys} & {self.seat_limit} if self.has_limit(key)]
        return [
            *(f"counted: no plan declares the limit {key!r}" for key in sorted({*keys}) if not self.has_limit(key)),
            *(f"counted: {key!r} is counted already, by the seats" for key in counted_already),
        ]

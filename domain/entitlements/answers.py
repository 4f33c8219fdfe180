"""What the gate answers with: frozen values, each from one read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.billing import Customer, SubscriptionFact, role_towards
from domain.entitlements import chains, decisions
from domain.entitlements.catalog import Catalog, Plan
from domain.entitlements.decisions import Decision
from domain.entitlements.links import Step
from domain.entitlements.resolver import Given, Resolved
from domain.rights import EXPLAIN
from domain.scope import Role, Scope


def owned_by(caller: Scope, customer: Customer, role: Role | None) -> bool:
    """Say whether a customer is the caller's own, or its organization is as OWNER, or all are; `role` is a member's."""
    return EXPLAIN.held_by(caller, role_towards(caller, customer, role))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementSet:
    """All answers for one customer at one instant, from one read.

    `role` is the caller's own as a member, for what it may be told.
    `as_of` is the instant they are true for, and only what was recorded by `known_at` was looked at. `given` is what
    the answers were worked out from; None where it could not be read. `heard` has the newest fact of each subscription
    that was looked at, where somebody named one of the two instants; None otherwise, when it is the newest there is.
    """

    customer: Customer
    role: Role | None
    as_of: datetime
    known_at: datetime
    catalog: Catalog
    given: Given | None
    resolved: Resolved
    heard: Mapping[str, SubscriptionFact] | None = None

    @property
    def looked_back(self) -> bool:
        """Say whether this is of another moment than now."""
        return self.heard is not None

    @property
    def revision(self) -> str:
        """A digest of the answers: equal digests, equal answers."""
        return decisions.revision(self.resolved, self.catalog)

    def decide(self, feature: str) -> Decision:
        """Say whether the customer has a feature, and why."""
        return decisions.decide_feature(self.resolved, feature)

    def holds(self, plan_or_price: str) -> bool:
        """Say whether the customer holds a plan, named by itself or by one of its prices."""
        return decisions.decide_plan(self.resolved, self.catalog, plan_or_price).granted

    def quantity(self, key: str) -> int:
        """Count how many of something the customer may have; UNLIMITED when there is no end."""
        return decisions.quantity(self.resolved, key)

    def owned_by(self, caller: Scope) -> bool:
        """Say whether the customer is the caller's own, or its organization is as OWNER, or all are."""
        return owned_by(caller, self.customer, self.role)

    def may_be_explained_to(self, caller: Scope) -> bool:
        """Say whether somebody may see why; that a resolution has failed is told to administrators alone."""
        return caller.administrator or (self.owned_by(caller) and not self.resolved.failed)

    def chain_of(self, feature: str) -> tuple[Step, ...] | None:
        """Lead link by link to the decision of a feature; None where the answers were not worked out from rows."""
        return chains.of_feature(self._basis, feature) if self._worked_out else None

    def chain_of_limit(self, key: str) -> tuple[Step, ...] | None:
        """Lead link by link to a quantity in the same way."""
        return chains.of_limit(self._basis, key) if self._worked_out else None

    def would_grant(self, feature: str) -> list[Plan]:
        """List the plans that would give a feature, by name; none when the customer has it."""
        plans = [] if self.decide(feature).granted else self.catalog.plans.values()
        return sorted((plan for plan in plans if feature in plan.features), key=lambda plan: plan.name)

    @property
    def _worked_out(self) -> bool:
        return self.given is not None or self.resolved.failed

    @property
    def _basis(self) -> chains.Basis:
        return chains.Basis(catalog=self.catalog, given=self.given, resolved=self.resolved, now=self.as_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatUsage:
    """An organization's seats, read together so that they add up. `limit` None is unlimited.

    `valid_until` is the last instant at which this surely holds without news, inclusive; None: nothing is due.
    """

    limit: int | None
    used: int
    reserved: int
    valid_until: datetime | None = field(default=None, compare=False)

    @property
    def available(self) -> int | None:
        """How many more may come in; None without a limit, never below zero."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)

    @property
    def over_limit(self) -> bool:
        """Say whether more seats are taken than the limit gives, as after a downgrade."""
        return self.limit is not None and self.used + self.reserved > self.limit

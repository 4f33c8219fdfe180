"""What the gate answers with: frozen values, each from one read."""

from dataclasses import dataclass
from datetime import datetime

from domain.billing import Customer
from domain.entitlements import decisions
from domain.entitlements.catalog import Catalog
from domain.entitlements.decisions import Decision
from domain.entitlements.resolver import Given, Resolved
from domain.scope import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementSet:
    """All answers for one customer at one instant, from one read. `role` is the caller's, for what it may be told.

    `given` is what the answers were worked out from; None where it could not be read, or does not count.
    """

    customer: Customer
    role: Role | None
    as_of: datetime
    known_at: datetime
    catalog: Catalog
    given: Given | None
    resolved: Resolved

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatUsage:
    """An organization's seats, read together so that they add up. `limit` None is unlimited."""

    limit: int | None
    used: int
    reserved: int

    @property
    def available(self) -> int | None:
        """How many more may come in; None without a limit, never below zero."""
        return None if self.limit is None else max(0, self.limit - self.used - self.reserved)

    @property
    def over_limit(self) -> bool:
        """Say whether more seats are taken than the limit gives, as after a downgrade."""
        return self.limit is not None and self.used + self.reserved > self.limit

"""What telemetry is told of a check. The caller learns yes or no; denied and could not be found out differ only here.

Nothing of it reaches the audit ledger: a check is asked far too often to be an event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.entitlements import decisions
from domain.entitlements.catalog import Catalog
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.resolver import Resolved
from domain.telemetry import OTHER, Attribute, Signal, Subject, Telemetry, started


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check, or several that share one read, from before the read on. Labels are bounded by the catalog."""

    telemetry: Telemetry
    catalog: Catalog
    resolver: str
    billable: object
    surface: str | None = None
    since: int = field(default_factory=started)

    def of_feature(self, decision: Decision) -> None:
        """Tell of a feature."""
        name = decision.feature
        label = name if name in self.catalog.features else OTHER
        self._tell(name, label, result=decision.granted, reason=decision.reason)

    def of_plan(self, decision: Decision) -> None:
        """Tell of a plan; a price counts for the plan that has it."""
        name = decision.feature
        plan = self.catalog.find_plan(name)
        self._tell(name, OTHER if plan is None else plan.name, result=decision.granted, reason=decision.reason)

    def of_features(self, resolved: Resolved) -> None:
        """Tell of all features at once: granted when there is one."""
        reason = decisions.reason_of_features(resolved)
        self._tell(None, "", result=bool(resolved.features), reason=reason)

    def of_quantity(self, resolved: Resolved, key: str) -> None:
        """Tell of a limit: granted when it is above zero."""
        known = key == self.catalog.seat_limit or any(key in plan.limits for plan in self.catalog.plans.values())
        result = decisions.quantity(resolved, key) > 0
        self._tell(key, key if known else OTHER, result=result, reason=decisions.reason_of_quantity(resolved, key))

    def _tell(self, asked: object, label: str, *, result: bool, reason: Reason) -> None:
        self.telemetry.checked(
            self.since,
            feature=asked,
            label=label,
            result=result,
            resolver=self.resolver,
            reason=reason.value,
            surface=self.surface,
            subject=Subject.of(self.billable),
        )


def tell_unmapped(telemetry: Telemetry, price_ids: Sequence[str], *, now: datetime) -> None:
    """Tell of prices that somebody pays for and no plan has: each once an hour, however often they are come across."""
    for price_id in price_ids:
        telemetry.signal_seldom(Signal.UNMAPPED_PRICE, {Attribute.PRICE_ID: price_id}, now=now)

"""What telemetry is told of a check. The caller learns yes or no; denied and could not be found out differ only here.

Nothing of it reaches the audit ledger: a check is asked far too often to be an event.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.entitlements import decisions
from domain.entitlements.catalog import Catalog
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.resolver import Resolved
from domain.errors import attempted
from domain.telemetry import OTHER, Attribute, Signal, Subject, Telemetry, started

log = logging.getLogger(__name__)


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
        self._tell(name, lambda: name if name in self.catalog.features else OTHER, decision.granted, decision.reason)

    def of_plan(self, decision: Decision) -> None:
        """Tell of a plan; a price counts for the plan that has it."""
        self._tell(decision.feature, lambda: self._plan(decision.feature), decision.granted, decision.reason)

    def of_features(self, resolved: Resolved) -> None:
        """Tell of all features at once: granted when there is one."""
        self._tell(None, str, bool(resolved.features), decisions.reason_of_features(resolved))

    def of_quantity(self, resolved: Resolved, key: str, amount: int) -> None:
        """Tell of a limit: granted when it is above zero."""
        self._tell(key, lambda: self._limit(key), amount > 0, decisions.reason_of_quantity(resolved, key))

    def _plan(self, name: str) -> str:
        plan = self.catalog.find_plan(name)
        return OTHER if plan is None else plan.name

    def _limit(self, key: str) -> str:
        declared = (self.catalog.default.limits, *(plan.limits for plan in self.catalog.plans.values()))
        return key if any(key in limits for limits in declared) else OTHER

    def _tell(self, asked: object, label: Callable[[], str], result: bool, reason: Reason) -> None:  # noqa: FBT001 - the question's own answer
        self.telemetry.checked(
            self.since,
            feature=asked,
            # Anything can be asked for, even what nothing can be compared with.
            label=attempted(label, log=log, where="label of a check").value or "",
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

"""What telemetry is told of checks. The caller learns yes or no; denied and could not be found out differ only here.

Nothing of it reaches the audit ledger: a check is asked far too often to be an event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.entitlements import decisions
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.in_force import InForce
from domain.entitlements.resolver import Resolved
from domain.telemetry import OTHER, Attribute, Signal, Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Tells of each check, which began at `since`, before its read; several may share one. Nothing here ever raises.

    Labels are bounded by the catalog in force. Anything can have been asked for, and about anything.
    """

    telemetry: Telemetry
    in_force: InForce
    resolver: str

    def of_feature(self, since: int, decision: Decision, billable: object, surface: str | None) -> None:
        """Tell of a feature."""
        name: object = decision.feature
        label = name if isinstance(name, str) and name in self.in_force.catalog.features else OTHER
        self._tell(since, name, label, decision.granted, decision.reason, billable, surface)

    def of_plan(self, since: int, decision: Decision, billable: object, surface: str | None) -> None:
        """Tell of a plan; a price counts for the plan that has it."""
        name: object = decision.feature
        plan = self.in_force.catalog.find_plan(name) if isinstance(name, str) else None
        label = OTHER if plan is None else plan.name
        self._tell(since, name, label, decision.granted, decision.reason, billable, surface)

    def of_features(self, since: int, resolved: Resolved, billable: object) -> None:
        """Tell of all features at once: granted when there is one."""
        reason = decisions.reason_of_features(resolved)
        self._tell(since, None, "", bool(resolved.features), reason, billable, None)

    def of_quantity(self, since: int, resolved: Resolved, key: object, amount: int, billable: object) -> None:
        """Tell of a limit: granted when it is above zero."""
        label = key if isinstance(key, str) and self.in_force.catalog.has_limit(key) else OTHER
        reason = decisions.reason_of_quantity(resolved, key) if isinstance(key, str) else Reason.ERROR
        self._tell(since, key, label, amount > 0, reason, billable, None)

    def _tell(
        self,
        since: int,
        asked: object,
        label: str,
        result: bool,  # noqa: FBT001 - the answer
        reason: Reason,
        billable: object,
        surface: str | None,
    ) -> None:
        self.telemetry.checked(
            since,
            feature=asked,
            label=label,
            result=result,
            resolver=self.resolver,
            reason=reason.value,
            surface=surface,
            subject=billable,
        )


def tell_unmapped(telemetry: Telemetry, price_ids: Sequence[str], *, now: datetime) -> None:
    """Tell of prices that somebody pays for and no plan has: each once an hour, however often they are come across."""
    for price_id in price_ids:
        telemetry.signal_seldom(Signal.UNMAPPED_PRICE, {Attribute.PRICE_ID: price_id}, now=now)

"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""

from domain.entitlements import advisory, catalog
from domain.entitlements.answers import EntitlementSet, SeatUsage
from domain.entitlements.catalog import (
    UNLIMITED,
    Call,
    Catalog,
    Forbid,
    Limit,
    Merge,
    OnDeny,
    Plan,
    Redirect,
    Respond,
    read_on_deny,
)
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.differences import Affected, Totals
from domain.entitlements.diffing import diff, everybody
from domain.entitlements.gate import Billable, Entitlements
from domain.entitlements.history import Period, find_stored, newest_period, periods
from domain.entitlements.in_force import InForce
from domain.entitlements.links import Step, StepKind
from domain.entitlements.overrides import Override, list_overrides, overrides_by_id
from domain.entitlements.overriding import Overriding, Wish
from domain.entitlements.resolver import Given, Granted, Held, UnmappedPrice, resolve
from domain.entitlements.rollout import Applied, Gates, Rollout, no_gates
from domain.entitlements.snapshot import granted_to

__all__ = [
    "UNLIMITED",
    "Affected",
    "Applied",
    "Billable",
    "Call",
    "Catalog",
    "Decision",
    "EntitlementSet",
    "Entitlements",
    "Forbid",
    "Gates",
    "Given",
    "Granted",
    "Held",
    "InForce",
    "Limit",
    "Merge",
    "OnDeny",
    "Override",
    "Overriding",
    "Period",
    "Plan",
    "Reason",
    "Redirect",
    "Respond",
    "Rollout",
    "SeatUsage",
    "Step",
    "StepKind",
    "Totals",
    "UnmappedPrice",
    "Wish",
    "advisory",
    "catalog",
    "diff",
    "everybody",
    "find_stored",
    "granted_to",
    "list_overrides",
    "newest_period",
    "no_gates",
    "overrides_by_id",
    "periods",
    "read_on_deny",
    "resolve",
]

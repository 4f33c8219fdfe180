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
from domain.entitlements.gate import Billable, Entitlements
from domain.entitlements.in_force import InForce
from domain.entitlements.links import Step, StepKind
from domain.entitlements.over_limit import OverLimit
from domain.entitlements.overrides import Override, list_overrides, overrides_by_id
from domain.entitlements.overriding import Overriding, Wish
from domain.entitlements.resolver import Given, Granted, Held, UnmappedPrice, resolve
from domain.entitlements.snapshot import granted_to

__all__ = [
    "UNLIMITED",
    "Billable",
    "Call",
    "Catalog",
    "Decision",
    "EntitlementSet",
    "Entitlements",
    "Forbid",
    "Given",
    "Granted",
    "Held",
    "InForce",
    "Limit",
    "Merge",
    "OnDeny",
    "OverLimit",
    "Override",
    "Overriding",
    "Plan",
    "Reason",
    "Redirect",
    "Respond",
    "SeatUsage",
    "Step",
    "StepKind",
    "UnmappedPrice",
    "Wish",
    "advisory",
    "catalog",
    "granted_to",
    "list_overrides",
    "overrides_by_id",
    "read_on_deny",
    "resolve",
]

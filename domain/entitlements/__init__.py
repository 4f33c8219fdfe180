"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""

from domain.entitlements import advisory, catalog
from domain.entitlements.answers import EntitlementSet, SeatUsage
from domain.entitlements.catalog import UNLIMITED, Catalog, Limit, Merge, Plan
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.differences import Affected, Totals
from domain.entitlements.diffing import diff, everybody
from domain.entitlements.gate import Billable, Entitlements
from domain.entitlements.history import Period, find_stored, newest_period, periods
from domain.entitlements.in_force import InForce
from domain.entitlements.overrides import Override
from domain.entitlements.resolver import Given, Granted, Held, UnmappedPrice, resolve
from domain.entitlements.rollout import Applied, Gates, Rollout, no_gates

__all__ = [
    "UNLIMITED",
    "Affected",
    "Applied",
    "Billable",
    "Catalog",
    "Decision",
    "EntitlementSet",
    "Entitlements",
    "Gates",
    "Given",
    "Granted",
    "Held",
    "InForce",
    "Limit",
    "Merge",
    "Override",
    "Period",
    "Plan",
    "Reason",
    "Rollout",
    "SeatUsage",
    "Totals",
    "UnmappedPrice",
    "advisory",
    "catalog",
    "diff",
    "everybody",
    "find_stored",
    "newest_period",
    "no_gates",
    "periods",
    "resolve",
]

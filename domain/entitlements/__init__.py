"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""

from domain.entitlements import advisory, catalog
from domain.entitlements.answers import EntitlementSet, SeatUsage
from domain.entitlements.catalog import UNLIMITED, Catalog, Limit, Merge, Plan
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.gate import Billable, Entitlements
from domain.entitlements.in_force import InForce
from domain.entitlements.overrides import Override
from domain.entitlements.resolver import Given, Granted, Held, UnmappedPrice, resolve

__all__ = [
    "UNLIMITED",
    "Billable",
    "Catalog",
    "Decision",
    "EntitlementSet",
    "Entitlements",
    "Given",
    "Granted",
    "Held",
    "InForce",
    "Limit",
    "Merge",
    "Override",
    "Plan",
    "Reason",
    "SeatUsage",
    "UnmappedPrice",
    "advisory",
    "catalog",
    "resolve",
]

"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""

from domain.entitlements import advisory, catalog
from domain.entitlements.catalog import UNLIMITED, Catalog, Limit, Merge, Plan
from domain.entitlements.gate import Billable, Entitlements, EntitlementSet, SeatUsage
from domain.entitlements.resolver import Decision, Held, Reason, UnmappedPrice, resolve

__all__ = [
    "UNLIMITED",
    "Billable",
    "Catalog",
    "Decision",
    "EntitlementSet",
    "Entitlements",
    "Held",
    "Limit",
    "Merge",
    "Plan",
    "Reason",
    "SeatUsage",
    "UnmappedPrice",
    "advisory",
    "catalog",
    "resolve",
]

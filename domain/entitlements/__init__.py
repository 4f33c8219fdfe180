"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""

from domain.entitlements import advisory, catalog
from domain.entitlements.catalog import UNLIMITED, Catalog, Limit, Merge, Plan
from domain.entitlements.gate import Billable, Entitlements, EntitlementSet, SeatUsage
from domain.entitlements.resolver import Decision, Reason

__all__ = [
    "UNLIMITED",
    "Billable",
    "Catalog",
    "Decision",
    "EntitlementSet",
    "Entitlements",
    "Limit",
    "Merge",
    "Plan",
    "Reason",
    "SeatUsage",
    "advisory",
    "catalog",
]

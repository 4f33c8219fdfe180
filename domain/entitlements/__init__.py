"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""

from domain.entitlements import advisory, catalog
from domain.entitlements.answers import EntitlementSet, SeatUsage
from domain.entitlements.billables import Billable
from domain.entitlements.catalog import UNLIMITED, Catalog, Limit, Merge, Plan
from domain.entitlements.counting import Counting
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.gate import Entitlements
from domain.entitlements.hosting import Resolver, check_resolver
from domain.entitlements.in_force import InForce
from domain.entitlements.overrides import Override
from domain.entitlements.resolver import FAILED, Given, Granted, Held, Resolved, UnmappedPrice, resolve

__all__ = [
    "FAILED",
    "UNLIMITED",
    "Billable",
    "Catalog",
    "Counting",
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
    "Resolved",
    "Resolver",
    "SeatUsage",
    "UnmappedPrice",
    "advisory",
    "catalog",
    "check_resolver",
    "resolve",
]

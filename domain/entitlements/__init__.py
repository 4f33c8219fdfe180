"""What a customer has paid for: the catalog, the pure resolver and the gate that denies every doubt."""

from domain.entitlements import catalog
from domain.entitlements.advisory import (
    EntitlementSummary,
    SummarySource,
    count_partial,
    summaries_of,
    summary_for_customer,
)
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
    "EntitlementSummary",
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
    "SummarySource",
    "UnmappedPrice",
    "catalog",
    "count_partial",
    "resolve",
    "summaries_of",
    "summary_for_customer",
]

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
from domain.entitlements.billables import Billable
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
from domain.entitlements.counting import Counting
from domain.entitlements.decisions import Decision, Reason
from domain.entitlements.differences import Affected, Totals
from domain.entitlements.diffing import diff, everybody
from domain.entitlements.gate import Entitlements
from domain.entitlements.history import Period, find_stored, newest_period, periods
from domain.entitlements.hosting import Resolver, check_resolver
from domain.entitlements.in_force import InForce
from domain.entitlements.links import Step, StepKind
from domain.entitlements.over_limit import OverLimit
from domain.entitlements.overrides import Override, overrides_by_id, overrides_of
from domain.entitlements.overriding import Overriding, Wish
from domain.entitlements.resolver import FAILED, Given, Granted, Held, Resolved, UnmappedPrice, resolve
from domain.entitlements.rollout import Applied, Gates, Rollout, no_gates
from domain.entitlements.snapshot import granted_to

__all__ = [
    "FAILED",
    "UNLIMITED",
    "Affected",
    "Applied",
    "Billable",
    "Call",
    "Catalog",
    "Counting",
    "Decision",
    "EntitlementSet",
    "EntitlementSummary",
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
    "OverLimit",
    "Override",
    "Overriding",
    "Period",
    "Plan",
    "Reason",
    "Redirect",
    "Resolved",
    "Resolver",
    "Respond",
    "Rollout",
    "SeatUsage",
    "Step",
    "StepKind",
    "SummarySource",
    "Totals",
    "UnmappedPrice",
    "Wish",
    "catalog",
    "check_resolver",
    "count_partial",
    "diff",
    "everybody",
    "find_stored",
    "granted_to",
    "newest_period",
    "no_gates",
    "overrides_by_id",
    "overrides_of",
    "periods",
    "read_on_deny",
    "resolve",
    "summaries_of",
    "summary_for_customer",
]

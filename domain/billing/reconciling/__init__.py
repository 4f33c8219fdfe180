"""Reconciling: is the mirror right, what is wrong with it, and putting that right through the ordinary fold."""

from domain.billing.reconciling.asking import Asking, Beat, nothing
from domain.billing.reconciling.gaps import Gap, OnGap, mind_no_gap
from domain.billing.reconciling.mirror import count_linked, linked
from domain.billing.reconciling.models import Drift, DriftAccess, DriftKind, DriftReport
from domain.billing.reconciling.of_customer import CustomerReconciling, Reconciled
from domain.billing.reconciling.reports import all_drifts, drifts_of, newest_report, prune_reports
from domain.billing.reconciling.running import Reconciling
from domain.billing.reconciling.schedule import Schedule
from domain.billing.reconciling.turns import Run, Turns, hurry

__all__ = [
    "Asking",
    "Beat",
    "CustomerReconciling",
    "Drift",
    "DriftAccess",
    "DriftKind",
    "DriftReport",
    "Gap",
    "OnGap",
    "Reconciled",
    "Reconciling",
    "Run",
    "Schedule",
    "Turns",
    "all_drifts",
    "count_linked",
    "drifts_of",
    "hurry",
    "linked",
    "mind_no_gap",
    "newest_report",
    "nothing",
    "prune_reports",
]

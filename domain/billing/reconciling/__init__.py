"""Reconciling: is the mirror right, what is wrong with it, and putting that right through the ordinary fold."""

from domain.billing.reconciling.asking import Beat, nothing
from domain.billing.reconciling.models import Drift, DriftAccess, DriftKind, DriftReport
from domain.billing.reconciling.of_customer import CustomerReconciling, Reconciled
from domain.billing.reconciling.reports import all_drifts, list_drifts, newest_report, prune_reports
from domain.billing.reconciling.running import Reconciling
from domain.billing.reconciling.schedule import Schedule

__all__ = [
    "Beat",
    "CustomerReconciling",
    "Drift",
    "DriftAccess",
    "DriftKind",
    "DriftReport",
    "Reconciled",
    "Reconciling",
    "Schedule",
    "all_drifts",
    "list_drifts",
    "newest_report",
    "nothing",
    "prune_reports",
]

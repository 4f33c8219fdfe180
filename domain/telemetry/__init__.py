"""What operators are told: spans, metrics, signals and log lines, all of them listed in `catalogue`.

At the bottom of the house, so that every room may tell; it knows none of them. Telling never changes an answer, and
no personal data is ever told.
"""

from domain.telemetry.catalogue import ATTRIBUTES, METRICS, SIGNALS, SPANS, Attribute, Kind, Metric, Signal, Span
from domain.telemetry.metrics import SHARED
from domain.telemetry.recording import OTHER, States, Telemetry, Told, started

__all__ = [
    "ATTRIBUTES",
    "METRICS",
    "OTHER",
    "SHARED",
    "SIGNALS",
    "SPANS",
    "Attribute",
    "Kind",
    "Metric",
    "Signal",
    "Span",
    "States",
    "Telemetry",
    "Told",
    "started",
]

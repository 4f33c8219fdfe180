"""How things are told: each check as a span, a count and a duration; each signal as a count, a log line and an event.

Whatever goes wrong in here is logged and changes nothing for whoever told. Without an SDK of OpenTelemetry spans are
never made, and the registry belongs to one application, so that several in one process do not mix.
"""

import logging
import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from opentelemetry import trace
from opentelemetry.trace import TracerProvider
from prometheus_client import CollectorRegistry

from domain.errors import attempted
from domain.telemetry.catalogue import SIGNALS, SPANS, Attribute, Metric, Signal, Span
from domain.telemetry.metrics import Metrics, States, exposition

__all__ = ["OTHER", "States", "Telemetry", "Told", "started"]

log = logging.getLogger(__name__)
checks = logging.getLogger("seatgate.checks")
signals = logging.getLogger("seatgate.signals")

OTHER = "other"
"""The label of whatever is not declared."""
COULD_NOT = "error"
"""The reason that means that nobody could say."""
SURFACES = frozenset({"field", "subscription", "route", "websocket"})
AGAIN = timedelta(hours=1)
MOST_REMEMBERED = 1000
LONGEST = 100
Told: TypeAlias = Mapping[Attribute, str | int | None]
"""The attributes of a signal."""
_NANOSECONDS = 1_000_000_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_CHECK = Span.CHECK.value
_FEATURE, _RESULT, _RESOLVER = Attribute.FEATURE.value, Attribute.RESULT.value, Attribute.RESOLVER.value
_REASON, _SURFACE = Attribute.REASON.value, Attribute.SURFACE.value
_SUBJECT_TYPE, _SUBJECT_ID = Attribute.SUBJECT_TYPE.value, Attribute.SUBJECT_ID.value
_WRITTEN = tuple(name.value for name in SPANS[Span.CHECK].attributes)
_BOOL = ("false", "true")

started = time.time_ns
"""Tells when a check begins, in nanoseconds since 1970, as spans are dated."""


class Telemetry:
    """Tells what happens in one application.

    `tracer_provider` makes the spans, by default the one that OpenTelemetry holds for the whole process, whenever it is
    set. `registry` holds the metrics; a host may hand in its own, or add to this one.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, registry: CollectorRegistry | None = None
    ) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._metrics = Metrics(self.registry)
        self._tracer = trace.get_tracer("seatgate", tracer_provider=tracer_provider)
        self._due: dict[tuple[Signal, str], datetime] = {}

    def checked(
        self,
        since: int,
        *,
        feature: object,
        label: str,
        result: bool,
        resolver: str,
        reason: str,
        surface: str | None,
        subject: object,
    ) -> None:
        """Tell of one check of `subject`, begun at `since`; `label` is what the catalog calls the feature, or OTHER.

        What was asked for and whom about may be anything: what is no name and no id shows its type alone.
        """
        told = partial(self._checked, since, feature, label, result, resolver, reason, surface, subject)
        attempted(told, log=log, where="telling of a check")

    def signal(self, signal: Signal, told: Told) -> None:
        """Tell operators of something that has happened, with every attribute that the catalogue lists for it."""
        attempted(partial(self._signal, signal, told), log=log, where=f"signal {signal}")

    def signal_seldom(self, signal: Signal, told: Told, *, now: datetime) -> None:
        """Tell the same once an hour at most in this process, for what shows itself again with every look."""
        key = signal, repr(sorted(told.items()))
        if (due := self._due.get(key)) is not None and now < due:
            return
        if len(self._due) >= MOST_REMEMBERED:
            self._due.clear()
        self._due[key] = now + AGAIN
        self.signal(signal, told)

    def round_ended(self, now: datetime) -> None:
        """Tell that the worker has come round all its jobs."""
        attempted(partial(self._metrics.set, Metric.WORKER_ROUND, now.timestamp()), log=log, where="telling of a round")

    def exposition(self, states: States, *, accept: str = "") -> tuple[bytes, str]:
        """Write all metrics, with what was read of the database for it, and say the content type."""
        return exposition(self.registry, states, accept=accept)

    def _checked(
        self,
        since: int,
        feature: object,
        label: str,
        result: bool,  # noqa: FBT001 - bound by partial
        resolver: str,
        reason: str,
        surface: str | None,
        subject: object,
    ) -> None:
        ended = max(since, time.time_ns())
        where = "" if surface is None else str(surface) if surface in SURFACES else OTHER
        self._metrics.checked((label, _BOOL[result], resolver, reason, where), (ended - since) / _NANOSECONDS)
        told: dict[str, str | bool] = {_RESULT: result, _RESOLVER: resolver, _REASON: reason}
        if feature is not None:
            told[_FEATURE] = _asked(feature)
        if surface is not None:
            told[_SURFACE] = str(surface)
        if subject is not None:
            told[_SUBJECT_TYPE] = type(subject).__name__
            if (id := _id_of(subject)) is not None:
                told[_SUBJECT_ID] = id
        level = logging.WARNING if reason == COULD_NOT else logging.DEBUG
        if checks.isEnabledFor(level):
            checks.log(level, "entitlement check %s", _line(told), extra={"facts": told})
        # Made only now, so that a sampler sees every attribute.
        self._tracer.start_span(_CHECK, start_time=since, attributes=told).end(ended)

    def _signal(self, signal: Signal, told: Told) -> None:
        entry = SIGNALS[signal]
        listed = {name: told[name] for name in entry.attributes}
        if len(told) != len(listed):
            raise ValueError(f"{signal} carries only what the catalogue lists")
        self._metrics.count_signal(entry.metric, listed)
        present: dict[str, str | int] = {name.value: value for name, value in listed.items() if value is not None}
        facts = {Attribute.SIGNAL.value: signal.value, **present}
        signals.warning("signal %s %s", signal, _written(listed), extra={"facts": facts})
        span = trace.get_current_span()
        if span.is_recording():
            span.add_event(f"seatgate.{signal}", present)
            return
        own = self._tracer.start_span(Span.SIGNAL.value, attributes={Attribute.SIGNAL.value: signal.value})
        own.add_event(f"seatgate.{signal}", present)
        own.end()


def _written(told: Mapping[Attribute, str | int | bool | None]) -> str:
    return " ".join(f"{name}={value}" for name, value in told.items())


def _line(told: Mapping[str, str | bool]) -> str:
    return " ".join(f"{name}={told.get(name)}" for name in _WRITTEN)


def _asked(feature: object) -> str:
    """Show what was asked for: a name as it stands, shortened, and whatever is none by its type."""
    return feature[:LONGEST] if isinstance(feature, str) and "@" not in feature else f"<{type(feature).__name__}>"


def _id_of(subject: object) -> str | None:
    """Show the id of a billable, or of whatever stands in its place; None where it has none, or none that can be read.

    An address, a name or a whole object is no id.
    """
    id = attempted(lambda: getattr(subject, "id", None), log=log, where="subject of a check").value
    if id is None:
        return None
    written = id if isinstance(id, str) else attempted(lambda: str(id), log=log, where="subject of a check").value or ""
    return written if _ID.fullmatch(written) else f"<{type(id).__name__}>"

"""The metrics of one application, made from the catalogue, and how they are written for Prometheus."""

import os
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from domain.telemetry.catalogue import METRICS, Attribute, Kind, Metric, MetricEntry

States = Mapping[Metric, Mapping[tuple[str, ...], float]]
"""Gauges that were read of the database for one scrape: each value by its labels."""

AT_SCRAPE = frozenset({Metric.OUTBOX_DUE, Metric.OUTBOX_GIVEN_UP, Metric.OUTBOX_LAG, Metric.WEBHOOK_EVENTS})
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The folder in which several processes keep their metrics together; the variable is prometheus-client's."""


class Metrics:
    """Counts and measures; each combination of labels is found once and remembered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        kept = {name: entry for name, entry in METRICS.items() if name not in AT_SCRAPE}
        self._counters = {name: _counter(name, kept[name], registry) for name in _of(Kind.COUNTER, kept)}
        self._histograms = {name: _histogram(name, kept[name], registry) for name in _of(Kind.HISTOGRAM, kept)}
        self._registry = registry
        self._gauges: dict[Metric, Gauge] = {}
        self._counting: dict[tuple[str, ...], Counter] = {}
        self._checks: dict[tuple[str, ...], tuple[Counter, Histogram]] = {}

    def count(self, metric: Metric, *labels: str) -> None:
        """Count one more."""
        key = (metric, *labels)
        counter = self._counting.get(key)
        if counter is None:
            whole = self._counters[metric]
            counter = self._counting[key] = whole.labels(*labels) if labels else whole
        counter.inc()

    def count_signal(self, metric: Metric, told: Mapping[Attribute, str | int | None]) -> None:
        """Count one more, by those of the attributes that are labels."""
        self.count(metric, *("" if told[name] is None else str(told[name]) for name in METRICS[metric].labels))

    def checked(self, labels: tuple[str, ...], seconds: float) -> None:
        """Count one more check, by all its labels, and note how long it took."""
        known = self._checks.get(labels)
        if known is None:
            fewer = METRICS[Metric.CHECK_SECONDS].labels
            kept = [value for name, value in zip(METRICS[Metric.CHECKS].labels, labels, strict=True) if name in fewer]
            counter = self._counters[Metric.CHECKS].labels(*labels)
            known = self._checks[labels] = counter, self._histograms[Metric.CHECK_SECONDS].labels(*kept)
        counter, histogram = known
        counter.inc()
        histogram.observe(seconds)

    def set(self, metric: Metric, value: float) -> None:
        """Note what something is now; a gauge that was never set is absent instead of 0."""
        gauge = self._gauges.get(metric)
        if gauge is None:
            gauge = self._gauges[metric] = _gauge(metric, METRICS[metric], self._registry)
        gauge.set(value)


def exposition(registry: CollectorRegistry, states: States, *, accept: str) -> tuple[bytes, str]:
    """Write the metrics of a registry, or of all processes that share a folder, and what was read besides."""
    whole = CollectorRegistry()
    if SHARED in os.environ:
        MultiProcessCollector(whole)  # type: ignore[no-untyped-call]  # prometheus-client carries no types here
    else:
        whole.register(_Counted(registry))
    whole.register(_States(states))
    encode, content_type = choose_encoder(accept)
    return encode(whole), content_type


class _Counted(Collector):
    """Shows a registry without the series that say since when each of its counters counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Family]:
        """Give each family."""
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _States(Collector):
    """Shows gauges that were read beforehand."""

    def __init__(self, states: States) -> None:
        self._states = states

    def collect(self) -> Iterator[Family]:
        """Give each gauge with its values."""
        for metric, values in self._states.items():
            entry = METRICS[metric]
            family = GaugeMetricFamily(metric, entry.description, labels=[label.value for label in entry.labels])
            for labels, value in values.items():
                family.add_metric(labels, value)
            yield family


def _of(kind: Kind, entries: Mapping[Metric, MetricEntry]) -> list[Metric]:
    return [name for name, entry in entries.items() if entry.kind is kind]


def _labels(entry: MetricEntry) -> list[str]:
    return [label.value for label in entry.labels]


def _counter(name: Metric, entry: MetricEntry, registry: CollectorRegistry) -> Counter:
    return Counter(name.value, entry.description, _labels(entry), registry=registry)


def _histogram(name: Metric, entry: MetricEntry, registry: CollectorRegistry) -> Histogram:
    return Histogram(name.value, entry.description, _labels(entry), registry=registry, buckets=BUCKETS)


def _gauge(name: Metric, entry: MetricEntry, registry: CollectorRegistry) -> Gauge:
    # Of several workers the one that came round last counts.
    return Gauge(name.value, entry.description, _labels(entry), registry=registry, multiprocess_mode="max")

"""What telemetry has told in a test: spans that were made, signals among them, and the samples of its registry."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import Tracer

from domain.telemetry import Metric, Span, Telemetry


class Watched:
    """A telemetry whose spans stay here."""

    def __init__(self, *, sampler: Sampler | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.telemetry = Telemetry(tracer_provider=self.provider)

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer("test")

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    @property
    def checks(self) -> list[dict[str, Any]]:
        """The attributes of each check, in the order of their ends."""
        return [dict(span.attributes or {}) for span in self.spans if span.name == Span.CHECK]

    @property
    def signals(self) -> list[tuple[str, dict[str, Any]]]:
        """Each signal's event: its name without the prefix, and its attributes."""
        events = [event for span in self.spans for event in span.events]
        return [(event.name.removeprefix("seatgate."), dict(event.attributes or {})) for event in events]

    def value(self, metric: Metric, **labels: str) -> float | None:
        """The value of a metric, None when there is no such sample."""
        return self.telemetry.registry.get_sample_value(metric.value, labels)

    def samples(self, metric: Metric) -> Mapping[tuple[str, ...], float]:
        """All values of a metric by their labels, in the order of the labels' names."""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in self.telemetry.registry.collect()
            for sample in family.samples
            if sample.name == metric
        }

    def clear(self) -> None:
        """Forget the spans."""
        self._exporter.clear()

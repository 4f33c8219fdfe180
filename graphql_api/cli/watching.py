"""How a process of Seatgate's own is watched: its log lines, metrics shared by its workers, spans sent elsewhere.

What is read here of the environment belongs to OpenTelemetry and to Prometheus' client, whose names and meanings those
are; a host that makes its own application sets up its own.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from domain.errors import ConfigError
from domain.settings import Environment, Settings
from domain.telemetry import SHARED, logs

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def logging_of(settings: Settings) -> dict[str, Any]:
    """Give the configuration of logging: JSON lines in production, readable ones in development."""
    return logs.configuration(as_json=settings.environment is Environment.PRODUCTION)


@contextmanager
def shared_metrics(settings: Settings) -> Iterator[None]:
    """Let several server processes answer `/metrics` for all of them, for as long as they are started in the block."""
    if settings.workers == 1 or os.environ.get(SHARED):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="seatgate-metrics-") as folder:
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            del os.environ[SHARED]


def export_spans() -> None:
    """Send this process's spans over OTLP, if OpenTelemetry's own variables name an endpoint; once.

    Raises:
        ConfigError: they do, and the SDK is not installed.
    """
    named = [name for name in ENDPOINTS if os.environ.get(name)]
    if not named:
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigError([f"{named[0]}: spans need OpenTelemetry's SDK; install seatgate[otel]"]) from None
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or "seatgate"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

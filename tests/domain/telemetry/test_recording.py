"""Telling: what a check and a signal become, and that telling never harms."""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from domain.telemetry import OTHER, SIGNALS, Attribute, Metric, Signal, Span, Telemetry, Told, started
from tests.support.watching import Watched

NOW = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.fixture
def watched() -> Watched:
    return Watched()


SEATS: Told = {Attribute.ORGANIZATION_ID: "org_1", Attribute.TAKEN: 3, Attribute.LIMIT: 1}
DRIFT: Told = {
    Attribute.KIND: "missed_event",
    Attribute.ACCESS: "unchanged",
    Attribute.PROCESSOR: "fake",
    Attribute.CUSTOMER_ID: None,
}


class User:
    id = "usr_1"


def check(telemetry: Telemetry, since: int | None = None, **more: object) -> None:
    told: dict[str, Any] = {
        "feature": "reports",
        "label": "reports",
        "result": True,
        "resolver": "local_map",
        "reason": "entitled",
        "surface": "field",
        "subject": User(),
    }
    telemetry.checked(started() if since is None else since, **told | more)


class Broken(SpanProcessor):
    """Raises wherever it can."""

    def on_start(self, span: object, parent_context: object = None) -> None:
        raise OSError("no collector")

    def on_end(self, span: ReadableSpan) -> None:
        raise OSError("no collector")


class Hostile:
    """Raises when it is looked at."""

    @property
    def id(self) -> str:
        raise RuntimeError("no")


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Holding:
    def __init__(self, id: object) -> None:
        self.id = id


class TestChecks:
    def test_a_check_is_a_span_with_exactly_its_attributes(self, watched: Watched) -> None:
        check(watched.telemetry)

        assert watched.checks == [
            {
                "feature": "reports",
                "result": True,
                "resolver": "local_map",
                "reason": "entitled",
                "surface": "field",
                "subject_type": "User",
                "subject_id": "usr_1",
            }
        ]

    def test_what_there_is_not_is_absent(self, watched: Watched) -> None:
        check(watched.telemetry, feature=None, result=False, resolver="x", reason="error", surface=None, subject=None)

        assert watched.checks == [{"result": False, "resolver": "x", "reason": "error"}]

    def test_a_span_lasts_from_before_the_read_to_the_decision(self, watched: Watched) -> None:
        before = time.time_ns() - 5_000_000
        check(watched.telemetry, before)

        [span] = watched.spans
        assert span.start_time == before
        assert span.end_time is not None
        assert span.end_time >= before + 5_000_000

    def test_a_check_is_a_child_of_the_span_that_is_open(self, watched: Watched) -> None:
        with watched.tracer.start_as_current_span("request") as request:
            check(watched.telemetry)

        span = next(span for span in watched.spans if span.name == Span.CHECK)
        assert span.parent is not None
        assert span.parent.span_id == request.get_span_context().span_id

    def test_checks_are_counted_and_timed(self, watched: Watched) -> None:
        check(watched.telemetry)
        check(watched.telemetry)
        check(watched.telemetry, result=False, reason="error", surface=None)

        assert watched.samples(Metric.CHECKS) == {
            ("reports", "entitled", "local_map", "true", "field"): 2,
            ("reports", "error", "local_map", "false", ""): 1,
        }
        assert (
            watched.telemetry.registry.get_sample_value(
                f"{Metric.CHECK_SECONDS}_count", {"result": "true", "resolver": "local_map", "surface": "field"}
            )
            == 2
        )

    def test_a_surface_that_is_none_is_counted_as_other(self, watched: Watched) -> None:
        check(watched.telemetry, surface="something else")

        assert watched.value(
            Metric.CHECKS, feature="reports", result="true", resolver="local_map", reason="entitled", surface=OTHER
        )

    def test_a_clock_that_is_put_back_makes_no_negative_duration(self, watched: Watched) -> None:
        later = time.time_ns() + 10_000_000_000
        check(watched.telemetry, later)

        [span] = watched.spans
        assert (span.start_time, span.end_time) == (later, later)

    @pytest.mark.parametrize(
        ("asked", "shown"), [("reports", "reports"), ("a" * 500, "a" * 100), (7, "<int>"), ("ann@example.com", "<str>")]
    )
    def test_what_was_asked_for_is_shown_if_it_is_a_name(self, watched: Watched, asked: object, shown: str) -> None:
        check(watched.telemetry, feature=asked)

        assert watched.checks[0]["feature"] == shown


class TestSubjects:
    def subject(self, watched: Watched, subject: object) -> tuple[object, object]:
        check(watched.telemetry, subject=subject)
        [told] = watched.checks
        return told.get("subject_type"), told.get("subject_id")

    def test_nobody_is_nobody(self, watched: Watched) -> None:
        assert self.subject(watched, None) == (None, None)

    @pytest.mark.parametrize(
        ("id", "shown"),
        [
            ("org_1", "org_1"),
            (7, "7"),
            (None, None),
            ("ann@example.com", "<str>"),
            ("Ann Example", "<str>"),
            (("a", 1), "<tuple>"),
            (Unprintable(), "<Unprintable>"),
        ],
    )
    def test_ids_are_shown_and_nothing_else_is(self, watched: Watched, id: object, shown: str | None) -> None:
        assert self.subject(watched, Holding(id)) == ("Holding", shown)

    def test_what_raises_when_looked_at_is_shown_by_its_type(self, watched: Watched) -> None:
        assert self.subject(watched, Hostile()) == ("Hostile", None)

    def test_a_bare_value_has_no_id(self, watched: Watched) -> None:
        assert self.subject(watched, "ann@example.com") == ("str", None)


class TestSignals:
    def test_a_signal_is_counted_logged_and_an_event(self, watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
        watched.telemetry.signal(Signal.DRIFT, DRIFT)

        assert watched.samples(Metric.DRIFTS) == {("unchanged", "missed_event", "fake"): 1}
        [record] = caplog.records
        assert record.getMessage() == (
            "signal drift kind=missed_event access=unchanged processor=fake customer_id=None"
        )
        assert watched.signals == [("drift", {"kind": "missed_event", "access": "unchanged", "processor": "fake"})]
        assert [(span.name, dict(span.attributes or {})) for span in watched.spans] == [
            (Span.SIGNAL, {"signal": "drift"})
        ]

    def test_a_signal_stands_in_the_span_that_is_open(self, watched: Watched) -> None:
        with watched.tracer.start_as_current_span("request"):
            watched.telemetry.signal(Signal.SEATS_OVER_LIMIT, SEATS)

        assert [span.name for span in watched.spans] == ["request"]
        assert watched.signals == [("seats_over_limit", {"organization_id": "org_1", "taken": 3, "limit": 1})]

    @pytest.mark.parametrize("wrong", [{}, {**SEATS, Attribute.KIND: "x"}])
    def test_a_signal_carries_what_is_listed_or_is_not_told(
        self, watched: Watched, wrong: Told, caplog: pytest.LogCaptureFixture
    ) -> None:
        watched.telemetry.signal(Signal.SEATS_OVER_LIMIT, wrong)

        assert watched.signals == []
        assert watched.value(Metric.SEATS_OVER_LIMIT) == 0
        assert "signal seats_over_limit failed" in caplog.text

    def test_what_shows_itself_again_and_again_is_told_once_an_hour(self, watched: Watched) -> None:
        for minutes, price in ((0, "a"), (59, "a"), (59, "b"), (60, "a")):
            told: Told = {Attribute.PRICE_ID: price}
            watched.telemetry.signal_seldom(Signal.UNMAPPED_PRICE, told, now=NOW + timedelta(minutes=minutes))

        assert [told["price_id"] for _, told in watched.signals] == ["a", "b", "a"]

    def test_what_is_remembered_has_an_end(self, watched: Watched) -> None:
        for number in range(1001):
            watched.telemetry.signal_seldom(Signal.UNMAPPED_PRICE, {Attribute.PRICE_ID: str(number)}, now=NOW)

        assert len(watched.telemetry._due) <= 1000

    def test_every_signal_has_a_counter_of_its_own(self) -> None:
        assert len({entry.metric for entry in SIGNALS.values()}) == len(Signal)


class TestHarm:
    def test_a_span_processor_that_raises_is_logged_and_changes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(Broken())
        telemetry = Telemetry(tracer_provider=provider)

        with caplog.at_level(logging.WARNING):
            check(telemetry)
            telemetry.signal(Signal.SEATS_OVER_LIMIT, SEATS)

        assert "telling of a check failed: OSError" in caplog.text
        assert "signal seats_over_limit failed: OSError" in caplog.text
        assert telemetry.registry.get_sample_value(Metric.SEATS_OVER_LIMIT) == 1

    def test_two_applications_in_one_process_count_apart(self) -> None:
        one, other = Watched(), Watched()
        check(one.telemetry)

        assert (len(one.samples(Metric.CHECKS)), len(other.samples(Metric.CHECKS))) == (1, 0)


class Errors(Sampler):
    """Keeps what could not be found out, and nothing else."""

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        kept = (attributes or {}).get("reason") == "error"
        return SamplingResult(Decision.RECORD_AND_SAMPLE if kept else Decision.DROP, attributes)

    def get_description(self) -> str:
        return "errors"


def test_a_sampler_can_choose_by_what_came_of_a_check() -> None:
    watched = Watched(sampler=Errors())

    for reason in ("entitled", "error", "not_entitled"):
        check(watched.telemetry, reason=reason)

    assert [told["reason"] for told in watched.checks] == ["error"]

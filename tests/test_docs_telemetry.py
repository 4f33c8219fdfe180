"""The page of telemetry against the catalogue, in both directions, and what it shows run."""

import importlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette

from domain import settings
from domain.telemetry import ATTRIBUTES, METRICS, SIGNALS, SPANS, Telemetry
from domain.telemetry.metrics import exposition

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "telemetry.md").read_text()


def table(first: str) -> list[tuple[str, ...]]:
    """Read the rows of the table whose first column has this head."""
    [head] = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in head.splitlines()]


def names(listed: object) -> str:
    assert isinstance(listed, tuple)
    return ", ".join(f"`{name}`" for name in listed)


def test_every_span_is_in_the_page_and_no_other() -> None:
    assert table("span") == [(f"`{name}`", entry.description, names(entry.attributes)) for name, entry in SPANS.items()]


def test_every_signal_is_in_the_page_and_no_other() -> None:
    assert table("signal") == [
        (f"`{name}`", entry.description, names(entry.attributes), f"`{entry.metric}`")
        for name, entry in SIGNALS.items()
    ]


def test_every_metric_is_in_the_page_and_no_other() -> None:
    told = [(*row, "")[:4] for row in table("metric")]

    assert told == [
        (f"`{name}`", entry.kind.value, entry.description, names(entry.labels)) for name, entry in METRICS.items()
    ]


def test_every_attribute_is_in_the_page_and_no_other() -> None:
    assert table("attribute") == [(f"`{name}`", told) for name, told in ATTRIBUTES.items()]


def test_every_attribute_is_carried_by_something() -> None:
    carried = {name for span in SPANS.values() for name in span.attributes}
    carried |= {name for signal in SIGNALS.values() for name in signal.attributes}
    labels = {name for entry in METRICS.values() for name in entry.labels}

    assert carried | labels == set(ATTRIBUTES)


def test_no_label_is_an_id_and_every_label_of_a_signal_is_one_of_its_attributes() -> None:
    labels = {name for entry in METRICS.values() for name in entry.labels}

    assert [name for name in labels if name.endswith("_id")] == []
    for entry in SIGNALS.values():
        assert set(METRICS[entry.metric].labels) <= set(entry.attributes)


def test_what_is_exposed_is_what_is_listed() -> None:
    states = {name: {("",) * len(entry.labels): 0.0} for name, entry in METRICS.items() if entry.kind == "gauge"}
    read = {name: value for name, value in states.items() if name != "seatgate_worker_last_round_timestamp_seconds"}
    telemetry = Telemetry()
    telemetry.round_ended(datetime(2026, 11, 27, tzinfo=UTC))
    text = exposition(telemetry.registry, read, accept="")[0].decode()

    families = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, flags=re.MULTILINE))
    assert families == {name.value: entry.kind.value for name, entry in METRICS.items()}


def test_every_metric_of_an_alert_exists() -> None:
    [alerts] = re.findall(r"^groups:\n.*?^```", PAGE, flags=re.MULTILINE | re.DOTALL)

    assert set(re.findall(r"seatgate_\w+", alerts)) <= {name.value for name in METRICS}


def test_the_code_of_the_page_makes_an_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "host_that_watches.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("host_that_watches")
    here = settings.read({"SEATGATE_CATALOG": str(ROOT / "catalog.toml")}, folder=tmp_path)

    assert isinstance(made.make(here), Starlette)

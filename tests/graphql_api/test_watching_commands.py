"""How `seatgate serve` and `seatgate worker` are watched: shared metrics, spans over OTLP, lines of JSON."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import ConfigError
from domain.telemetry import SHARED, logs
from graphql_api.cli import watching
from tests.support.api import make_settings

NOWHERE = "sqlite+aiosqlite:///nowhere.db"
SENDING = """
from graphql_api.cli import watching
from domain.telemetry import Telemetry, started
watching.export_spans()
watching.export_spans()
about = dict(feature="reports", label="reports", result=True, resolver="x", reason="entitled", surface=None)
Telemetry().checked(started(), **about, subject=None)
"""
COUNTING = """
import sys
from domain.telemetry import Telemetry, started
telemetry = Telemetry()
about = dict(feature="reports", label="reports", result=True, resolver="x", reason="entitled", surface=None)
telemetry.checked(started(), **about, subject=None)
sys.stdout.write(telemetry.exposition({})[0].decode())
"""


class Collector(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    posted: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.posted.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    posted: list[tuple[str, bytes]] = []
    server = http.server.HTTPServer(("127.0.0.1", 0), type("Here", (Collector,), {"posted": posted}))
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    serving.join()
    server.server_close()


def run(code: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_spans_are_sent_where_opentelemetrys_own_variable_says(
    collector: tuple[str, list[tuple[str, bytes]]],
) -> None:
    address, posted = collector

    run(SENDING, OTEL_EXPORTER_OTLP_ENDPOINT=address)

    [(path, body)] = posted
    assert path == "/v1/traces"
    assert body.count(b"seatgate.entitlements.check") == 1
    assert b"service.name" in body


def test_without_an_endpoint_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in watching.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    watching.export_spans()


def test_an_endpoint_without_the_sdk_is_a_fault_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(ConfigError) as refused:
        watching.export_spans()

    assert refused.value.faults == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: spans need OpenTelemetry's SDK; install seatgate[otel]"
    ]


def test_processes_that_share_a_folder_answer_for_all_of_them(tmp_path: Path) -> None:
    run(COUNTING, **{SHARED: str(tmp_path)})
    told = run(COUNTING, **{SHARED: str(tmp_path)})

    counted = [line for line in told.splitlines() if line.startswith("seatgate_entitlement_checks_total{")]
    assert [line.rpartition(" ")[2] for line in counted] == ["2.0"]


def test_several_workers_share_a_folder_for_as_long_as_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SHARED, raising=False)
    with watching.shared_metrics(make_settings(NOWHERE, tmp_path, WORKERS="2")):
        folder = Path(os.environ[SHARED])
        assert folder.is_dir()

    assert SHARED not in os.environ
    assert not folder.exists()


def test_one_process_keeps_its_metrics_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHARED, raising=False)

    with watching.shared_metrics(make_settings(NOWHERE, tmp_path)):
        assert SHARED not in os.environ


def test_a_folder_that_was_given_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARED, str(tmp_path))

    with watching.shared_metrics(make_settings(NOWHERE, tmp_path, WORKERS="2")):
        assert os.environ[SHARED] == str(tmp_path)

    assert tmp_path.is_dir()


@pytest.mark.parametrize(("environment", "as_json"), [("production", True), ("development", False)])
def test_lines_are_json_in_production(tmp_path: Path, environment: str, *, as_json: bool) -> None:
    secret = "Zq8-vN2_wL5xT0bY7rK3mJ9cF4hG6dS1"
    names = ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS", "JWT_SECRETS", "SECRET_KEYS")
    production = {"ENV": "production", "PROCESSORS": "stripe", "ALLOWED_HOSTS": "seatgate.example"}
    production |= dict.fromkeys(names, secret)
    settings = make_settings(NOWHERE, tmp_path, **(production if environment == "production" else {}))

    assert watching.logging_of(settings) == logs.configuration(as_json=as_json)

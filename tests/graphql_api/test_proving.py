"""`seatgate prove seats`, as somebody runs it: what it prints, and the codes that it leaves with."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphql_api.cli import app
from tests.support.databases import Sqlite

SMALL = ("--processes", "2", "--attempts", "200", "--organizations", "2", "--kills", "1")


def prove(*arguments: str) -> list[str]:
    return ["prove", "seats", *arguments]


def test_a_proof_leaves_with_0_and_prints_what_it_has_done(sqlite: Sqlite, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, prove("--database-url", sqlite.fresh(tmp_path), *SMALL))

    assert done.exit_code == 0, done.output
    assert "attempts            200 in" in done.stdout
    assert "killed              1" in done.stdout
    assert "violations          0" in done.stdout


def test_a_planted_fault_leaves_with_1_and_names_the_organization_and_the_calls(database_url: str) -> None:
    arguments = ("--processes", "2", "--tasks", "8", "--attempts", "400", "--organizations", "1", "--kills", "0")

    done = CliRunner().invoke(app, prove("--database-url", database_url, "--naive", "--json", *arguments))

    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert found["proved"] is False
    assert {violation["kind"] for violation in found["violations"]} == {"oversold"}
    by_calls = [violation for violation in found["violations"] if violation["calls"]]
    assert by_calls
    assert all(violation["organizationId"].startswith("org_") for violation in found["violations"])
    assert all(call in violation["story"] for violation in by_calls for call in violation["calls"])


def test_the_story_of_a_violation_stands_below_the_summary(sqlite: Sqlite, tmp_path: Path) -> None:
    arguments = ("--processes", "2", "--tasks", "8", "--attempts", "400", "--organizations", "1", "--kills", "0")

    done = CliRunner().invoke(app, prove("--database-url", sqlite.fresh(tmp_path), "--naive", *arguments))

    assert done.exit_code == 1
    assert "\noversold in org_" in done.stdout


def test_the_database_of_the_settings_is_the_default_and_what_is_kept_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalog.toml").write_text("")
    monkeypatch.setenv("SEATGATE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/named.db")
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    done = CliRunner().invoke(app, prove("--keep", "--json", "--attempts", "20", "--processes", "1", "--kills", "0"))

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["plan"]["attempts"] == 20
    assert "Kept: seatgate_prove_" in done.stderr
    assert not (tmp_path / "named.db").exists()
    assert len(list(tmp_path.glob("named.seatgate_prove_*.db"))) == 1


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:////no/such/folder/x.db", "mysql://x", "sqlite+aiosqlite://"])
def test_a_database_that_cannot_be_had_is_wrong_use(url: str) -> None:
    done = CliRunner().invoke(app, prove("--database-url", url))

    assert done.exit_code == 2
    assert done.stderr.startswith("Seatgate cannot do this:\n  - ")
    assert "Traceback" not in done.output


def test_a_proof_without_a_name_tells_what_there_is() -> None:
    done = CliRunner().invoke(app, ["prove", "--help"])

    assert done.exit_code == 0
    assert "seats" in done.stdout


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_proof_that_is_stopped_leaves_nothing_behind(tmp_path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-m", "graphql_api.cli", *prove("--attempts", "1000000", "--processes", "2")]
    url = f"sqlite+aiosqlite:///{tmp_path}/named.db"
    with subprocess.Popen(
        [*command, "--database-url", url],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while not list(tmp_path.glob("seatgate_prove_*/calls-*.jsonl")):
            time.sleep(0.05)
        process.send_signal(ending)
        process.communicate(timeout=60)

    assert process.returncode not in {0, 2}
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "graphql_api.cli", *prove("--attempts", "50", "--processes", "1", "--kills", "0")]

    with subprocess.Popen(
        [*command, "--database-url", f"sqlite+aiosqlite:///{tmp_path}/named.db"],
        env=os.environ | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        while chunk := _read(main):
            shown += chunk
        told, _ = process.communicate(timeout=60)
    os.close(main)

    assert process.returncode == 0
    assert b"100%" in shown
    assert b"violations          0" in told


def _read(terminal: int) -> bytes:
    """Read what was shown; a terminal that nobody writes to any more is at its end."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""

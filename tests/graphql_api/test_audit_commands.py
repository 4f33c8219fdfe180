"""`seatgate audit`: what it prints, what it writes, and how it leaves."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from domain.audit.models import AuditEvent
from domain.db import Database, open_database
from graphql_api.cli import app
from tests.support import ledger
from tests.support.clock import FixedClock
from tests.support.databases import Engine


class Ledger:
    """A database with a ledger in it, and the command line in a folder where its settings are."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["audit", *arguments])

    def do(self, work: Callable[[Database], Awaitable[object]]) -> None:
        async def on_database() -> None:
            database = open_database(self.url)
            await work(database)
            await database.aclose()

        asyncio.run(on_database())

    def grow(self, clock: FixedClock, number: int = 3) -> None:
        self.do(lambda database: ledger.write_many(database, clock, number))
        self.do(ledger.seal)

    def tamper(self) -> None:
        self.do(lambda database: ledger.let_change(database, "audit_events"))
        self.do(lambda database: ledger.change(database, AuditEvent, "action", "nothing.happened"))


@pytest.fixture
def here(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    url = engine.fresh(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATGATE_DATABASE_URL", url)
    monkeypatch.setenv("SEATGATE_SECRET_KEYS", f"{ledger.NEWER_KEY},{ledger.KEY}")
    return Ledger(url)


def test_a_ledger_as_it_was_written_is_fine(here: Ledger, clock: FixedClock) -> None:
    here.grow(clock)
    here.do(lambda database: ledger.write_many(database, clock, 2))

    told = here.run("verify")
    as_json = json.loads(here.run("verify", "--json").stdout)

    assert told.exit_code == 0
    assert "3 sealed events" in told.stdout
    assert "2 events wait for their seal" in told.stdout
    assert "as it was written" in told.stdout
    assert (as_json["fine"], as_json["seals"], as_json["unsealed"], as_json["troubles"]) == (True, 3, 2, [])
    assert as_json["head"]["sequence"] == 3


def test_a_ledger_that_was_changed_leaves_with_1(here: Ledger, clock: FixedClock) -> None:
    here.grow(clock)
    here.tamper()

    told = here.run("verify")
    as_json = here.run("verify", "--json")

    assert (told.exit_code, as_json.exit_code) == (1, 1)
    assert "Seal 1 does not fit its event" in told.stdout
    assert json.loads(as_json.stdout)["trouble_count"] == 3


def test_of_many_troubles_the_rest_is_counted(here: Ledger, clock: FixedClock) -> None:
    here.grow(clock, 120)
    here.tamper()

    assert "and 20 more" in here.run("verify").stdout


def test_an_export_is_verified_against_the_chain(here: Ledger, clock: FixedClock, tmp_path: Path) -> None:
    here.grow(clock)
    printed = here.run("export", "--since", "1")
    assert here.run("export", "--to", "audit.jsonl").exit_code == 0
    here.grow(clock)

    fine = here.run("verify", "--heads", "audit.jsonl")

    assert [json.loads(line)["sequence"] for line in printed.stdout.splitlines()] == [2, 3, 3]
    assert sorted(path.name for path in tmp_path.glob("audit*")) == ["audit.jsonl"]
    assert fine.exit_code == 0
    assert "4 exported heads" in fine.stdout


def test_an_export_that_the_chain_does_not_hold_leaves_with_1(here: Ledger, clock: FixedClock, tmp_path: Path) -> None:
    here.grow(clock)
    (tmp_path / "heads").write_text(json.dumps({"sequence": 4, "seal": "0" * 64}))

    told = here.run("verify", "--heads", "heads")

    assert told.exit_code == 1
    assert "The exported head 4 is not in the chain" in told.stdout


def test_a_chain_shorter_than_the_last_export_leaves_with_1(here: Ledger, clock: FixedClock) -> None:
    here.grow(clock)

    told = here.run("export", "--since", "5")

    assert told.exit_code == 1
    assert "cut short" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["verify", "--heads", "missing"], "cannot be read"),
        (["verify", "--heads", "text"], "Line 1 is not of an export"),
        (["verify", "--heads", "bytes"], "It is no text"),
        (["verify", "--what"], "No such option"),
        (["export", "--since", "-1"], "since"),
        (["export", "--to", "missing/file"], "cannot be written"),
    ],
)
def test_wrong_use_leaves_with_2(here: Ledger, tmp_path: Path, arguments: list[str], complaint: str) -> None:
    (tmp_path / "text").write_text("no export\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")

    told = here.run(*arguments)

    assert told.exit_code == 2
    assert complaint in told.stderr


def test_a_database_that_is_not_migrated_leaves_with_2(here: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATGATE_DATABASE_URL", "sqlite+aiosqlite:///empty.db")

    told = here.run("verify")

    assert told.exit_code == 2
    assert "not migrated" in told.stderr


@pytest.mark.parametrize("command", [("verify", "Verifying"), ("export", "Exporting")])
def test_a_terminal_is_shown_how_far_it_is(here: Ledger, clock: FixedClock, command: tuple[str, str]) -> None:
    here.grow(clock)
    reading, writing = pty.openpty()

    done = subprocess.run(
        [sys.executable, "-m", "graphql_api.cli", "audit", command[0]],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=writing,
        check=True,
    )

    os.close(writing)
    assert command[1] in os.read(reading, 65536).decode()
    os.close(reading)
    assert command[1] not in done.stdout.decode()

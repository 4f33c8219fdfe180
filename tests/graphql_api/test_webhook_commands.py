"""`seatgate webhooks`: what it prints, what it writes, what it refuses, and how it leaves."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from domain.billing.webhooks import WebhookEvent
from domain.db import Database, open_database
from graphql_api.cli import app
from tests.support import api
from tests.support.billing import customer, events, linked, mirror_of
from tests.support.clock import FixedClock
from tests.support.databases import Engine
from tests.support.tables import dump, execute

T = TypeVar("T")

BAD = {"object": {"object": "subscription", "id": "sub_bad"}}


class Inbox:
    """An inbox, and the command line in a folder where its settings are."""

    def __init__(self, url: str, clock: FixedClock) -> None:
        self.url, self.clock = url, clock

    def run(self, *arguments: str, says: str | None = None) -> Result:
        return CliRunner().invoke(app, ["webhooks", *arguments], input=says)

    def listed(self, *arguments: str) -> list[str]:
        return [event["eventId"] for event in json.loads(self.run("list", "--json", *arguments).stdout)["events"]]

    def do(self, work: Callable[[Database], Awaitable[T]]) -> T:
        async def on_database() -> T:
            database = open_database(self.url)
            try:
                return await work(database)
            finally:
                await database.aclose()

        return asyncio.run(on_database())

    def execute(self, statement: str) -> None:
        self.do(lambda database: execute(database, statement))

    def tables(self) -> dict[str, list[str]]:
        return self.do(dump)

    def row(self, event_id: str) -> WebhookEvent:
        [found] = [row for row in self.do(events) if row.event_id == event_id]
        return found

    def fill(self, *changes: dict[str, Any]) -> str:
        """Receive events a second apart, evt_0, evt_1, …, of a linked customer; say who it is."""

        async def post(database: Database) -> str:
            made = await customer(database, self.clock)
            await linked(database, self.clock, made.id)
            mirror = mirror_of(database, self.clock)
            for number, change in enumerate(changes):
                await mirror.post(id=f"evt_{number}", created=int(self.clock.now().timestamp()), **change)
                self.clock.forward(seconds=1)
            return made.id

        return self.do(post)

    def three(self) -> str:
        """Let one event be applied, one fail and one be ignored, a second apart."""
        return self.fill({}, {"data": BAD}, {"type": "charge.refunded"})


async def crowd(database: Database) -> None:
    """Put ten thousand ignored events beside the one that is there."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    row = {"processor": "fake", "livemode": False, "type": "charge.refunded", "status": "ignored", "attempts": 0}
    names = [{"id": f"whe_{number:032x}", "event_id": f"evt_of_the_crowd_{number}"} for number in range(10_000)]
    async with database.transaction() as session:
        rows = [row | name | {"occurred_at": at, "received_at": at, "body": b"{}"} for name in names]
        await session.execute(insert(WebhookEvent), rows)


@pytest.fixture
def here(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: FixedClock) -> Inbox:
    url = engine.fresh(tmp_path)
    (tmp_path / "catalog.toml").write_text(api.CATALOG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATGATE_DATABASE_URL", url)
    return Inbox(url, clock)


def test_the_list_shows_the_newest_first_and_why_something_is_stuck(here: Inbox) -> None:
    here.three()

    told = here.run("list")

    names, newest, failed, oldest = told.stdout.splitlines()
    assert told.exit_code == 0
    assert names.split() == ["id", "status", "type", "processor", "event", "occurred", "attempts", "why"]
    assert newest.split()[1:5] == ["ignored", "charge.refunded", "fake", "evt_2"]
    assert "UnreadableEvent, again at 2026-11-21T12:00:02Z" in failed
    assert oldest.split()[:2] == [here.row("evt_0").id, "applied"]


def test_the_list_as_json_has_the_names_of_the_api(here: Inbox) -> None:
    who = here.three()

    told = json.loads(here.run("list", "--json", "--limit", "2", "--until", "2026-11-21T12:00:00Z").stdout)

    row = here.row("evt_0")
    assert told == {
        "events": [
            {
                "id": row.id,
                "processor": "fake",
                "livemode": False,
                "eventId": "evt_0",
                "type": "customer.subscription.updated",
                "status": "applied",
                "occurredAt": "2026-11-21T12:00:00Z",
                "receivedAt": "2026-11-21T12:00:00Z",
                "appliedAt": "2026-11-21T12:00:00Z",
                "attempts": 0,
                "nextAttemptAt": None,
                "waitingFor": None,
                "lastError": None,
                "customerId": who,
            }
        ],
        "more": False,
    }


def test_everything_that_is_given_must_hold_and_repeated_options_are_alternatives(here: Inbox) -> None:
    who = here.three()

    assert here.listed("--status", "failed", "--status", "ignored") == ["evt_2", "evt_1"]
    assert here.listed("--status", "failed", "--type", "charge.refunded") == []
    assert here.listed("--customer", who) == ["evt_0"]
    assert here.listed("--processor", "stripe") == []
    assert here.listed("--since", "2026-11-21T13:00:01+01:00", "--until", "2026-11-21T12:00:01") == ["evt_1"]
    assert here.listed("--since", "2026-11-22") == []


def test_what_does_not_fit_is_told(here: Inbox) -> None:
    here.three()

    told = here.run("list", "--limit", "2")

    assert (len(told.stdout.splitlines()), told.exit_code) == (3, 0)
    assert "There are more" in told.stderr
    assert "no such events" in here.run("list", "--status", "dead").stdout


def test_a_type_that_would_steer_the_terminal_is_written_out(here: Inbox) -> None:
    here.fill({"type": "charge.\x1b[2J"})

    assert "\x1b" not in here.run("list").stdout


def test_one_that_fails_again_leaves_with_1_and_is_named(here: Inbox) -> None:
    here.three()

    told = here.run("replay", here.row("evt_1").id, here.row("evt_0").id, here.row("evt_0").id)

    assert told.exit_code == 1
    assert "2 events: 1 applied, 0 ignored, 0 waiting, 1 failed, 0 passed over." in told.stdout
    assert f"{here.row('evt_1').id} customer.subscription.updated: UnreadableEvent" in told.stdout


def test_many_are_replayed_by_a_filter_and_the_ledger_names_the_command_line(here: Inbox) -> None:
    here.three()
    here.execute("UPDATE webhook_events SET status = 'dead' WHERE event_id = 'evt_0'")

    told = here.run("replay", "--status", "dead", "--status", "ignored")

    assert told.exit_code == 0
    assert "2 events: 1 applied, 1 ignored, 0 waiting, 0 failed, 0 passed over." in told.stdout
    assert here.row("evt_0").status == "applied"
    assert sum("command line" in row and "webhook.replayed" in row for row in here.tables()["audit_events"]) == 2


def test_what_still_waits_is_counted_as_waiting(here: Inbox) -> None:
    here.fill({})
    here.execute("UPDATE webhook_events SET status = 'dead', customer_id = NULL")
    here.execute("DELETE FROM processor_accounts")

    assert "1 event: 0 applied, 0 ignored, 1 waiting" in here.run("replay", "--status", "dead").stdout


def test_what_cannot_be_replayed_here_is_passed_over_and_said(here: Inbox) -> None:
    here.three()
    here.execute("UPDATE webhook_events SET livemode = TRUE WHERE event_id = 'evt_0'")

    by_name = here.run("replay", here.row("evt_0").id)
    by_filter = here.run("replay", "--status", "applied")

    assert (by_name.exit_code, by_filter.exit_code) == (0, 0)
    assert "The event is of the other mode" in by_name.stderr
    assert "1 event: 0 applied, 0 ignored, 0 waiting, 0 failed, 1 passed over." in by_name.stdout
    assert "1 passed over" in by_filter.stdout


def test_a_dry_run_says_how_many_and_writes_nothing(here: Inbox) -> None:
    here.three()
    before = here.tables()

    by_filter = here.run("replay", "--since", "2026-11-21", "--dry-run")
    by_name = here.run("replay", here.row("evt_1").id, "--dry-run")
    pruned = here.run("prune", "--applied-days", "0", "--dead-days", "0", "--dry-run")

    assert by_filter.stdout == "3 events would be replayed.\n"
    assert by_name.stdout == "1 event would be replayed.\n"
    assert pruned.stdout == "2 events would go.\n"
    assert here.tables() == before


def test_above_ten_somebody_must_agree(here: Inbox) -> None:
    here.fill(*({"type": "charge.refunded"} for _ in range(11)))
    before = here.tables()

    nobody = here.run("replay", "--status", "ignored")
    untouched = here.tables()
    agreed = here.run("replay", "--status", "ignored", "--yes")

    assert (nobody.exit_code, agreed.exit_code) == (2, 0)
    assert "11 events would be replayed, and nobody can be asked: --yes" in nobody.stderr
    assert untouched == before
    assert "11 events: 0 applied, 11 ignored" in agreed.stdout


def test_more_than_ten_thousand_take_force(here: Inbox) -> None:
    here.three()
    here.do(crowd)

    refused = here.run("replay", "--status", "ignored", "--yes")
    forced = here.run("replay", "--status", "ignored", "--force")

    assert (refused.exit_code, forced.exit_code) == (2, 2)
    assert "10001 events are more than 10000; narrow them, or --force" in refused.stderr
    assert "nobody can be asked" in forced.stderr
    assert not [row for row in here.tables()["audit_events"] if "webhook.replayed" in row]


@pytest.mark.parametrize(("answer", "outcome"), [("y", "11 ignored"), ("n", "Nothing was replayed.")])
def test_somebody_on_a_terminal_is_asked_and_shown_how_far_it_is(here: Inbox, answer: str, outcome: str) -> None:
    here.fill(*({"type": "charge.refunded"} for _ in range(11)))
    reading, writing = pty.openpty()
    os.write(reading, f"{answer}\n".encode())

    done = subprocess.run(
        [sys.executable, "-m", "graphql_api.cli", "webhooks", "replay", "--status", "ignored"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"},
        stdin=writing,
        stdout=subprocess.PIPE,
        stderr=writing,
        check=True,
    )

    os.close(writing)
    shown = os.read(reading, 65536).decode()
    os.close(reading)
    assert "Replay 11 events?" in shown
    assert outcome in done.stdout.decode()
    assert ("11" in shown and "100%" in shown) == (answer == "y")


def test_old_events_go_and_the_facts_stay(here: Inbox) -> None:
    here.three()
    before = here.tables()

    told = here.run("prune", "--applied-days", "0")

    after = here.tables()
    assert (told.stdout, told.exit_code) == ("2 events went. The facts stay.\n", 0)
    assert [row.event_id for row in here.do(events)] == ["evt_1"]
    assert {table for table in after if after[table] != before[table]} == {"webhook_events"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["list", "--status", "stuck"], "--status: is none of received, applied"),
        (["list", "--processor", "paypal"], "--processor: is none of"),
        (["list", "--type", ""], "--type: is blank"),
        (["list", "--since", "yesterday"], "--since: is no instant"),
        (["list", "--until", "0001-01-01T00:00:00+14:00"], "--until: is no instant"),
        (["list", "--since", "2026-11-22", "--until", "2026-11-21"], "--since: is after --until"),
        (["list", "--customer", "acme"], "--customer: is no id of a customer"),
        (["list", "--limit", "0"], "--limit"),
        (["replay"], "one of the two"),
        (["replay", "evt_1"], "'evt_1' is no id of an event"),
        (["replay", f"whe_{'0' * 32}"], "there is no such event"),
        (["replay", f"whe_{'0' * 32}", "--status", "dead"], "one of the two"),
        (["prune", "--applied-days", "-1"], "--applied-days"),
        (["prune", "--dead-days", "99999999"], "--dead-days"),
    ],
)
def test_wrong_use_leaves_with_2_and_writes_nothing(here: Inbox, arguments: list[str], complaint: str) -> None:
    here.three()
    before = here.tables()

    told = here.run(*arguments)

    assert told.exit_code == 2
    assert complaint in told.stderr
    assert here.tables() == before


def test_one_unknown_event_among_others_keeps_all_as_they_are(here: Inbox) -> None:
    here.three()
    before = here.tables()

    assert here.run("replay", here.row("evt_0").id, f"whe_{'0' * 32}").exit_code == 2
    assert here.tables() == before


def test_a_database_that_is_not_migrated_leaves_with_2(here: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATGATE_DATABASE_URL", "sqlite+aiosqlite:///empty.db")

    told = here.run("list")

    assert told.exit_code == 2
    assert "not migrated" in told.stderr

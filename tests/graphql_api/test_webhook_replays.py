"""`seatgate webhooks replay`: what is applied again, what is asked first, and how it leaves."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.inboxes import Inbox, crowd


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

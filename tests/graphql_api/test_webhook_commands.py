"""`seatgate webhooks list` and `prune`: what they print and write, and how wrong use of all three leaves."""

import json

import pytest

from tests.support.billing import events
from tests.support.inboxes import Inbox


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

"""The guide of the inbox against the code: types that are read, operations, command lines."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.billing.processors.shapes.news import READERS
from graphql_api.cli import app
from tests.support.api import CATALOG, serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.inboxes import Inbox
from tests.test_docs import DOCS, blocks

COMMANDS = [line for text in blocks("webhooks.md", "sh") for line in text.splitlines()]


def test_every_type_that_is_read_is_told_and_no_other() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_.]+\.[a-z_.]+`(?:, )?)+) \|", (DOCS / "webhooks.md").read_text(), re.MULTILINE)

    assert sorted(name for row in rows for name in re.findall(r"[a-z_.]+", row)) == sorted(READERS)


async def test_the_operations_do_what_the_guide_says(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    stuck, replay, link = blocks("webhooks.md", "graphql")

    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api:
        acme = await api.organization()
        await api.post_event(data={"object": {"object": "subscription", "id": "sub_bad"}})
        [event] = (await api.ask(stuck, "ada")).data["webhookEvents"]["nodes"]
        replayed = (await api.ask(replay, "ada", event=event["id"])).data["replayWebhookEvent"]
        # The tests have no key of Stripe's.
        linked = await api.ask(link.replace("STRIPE", "FAKE"), "ada", customer=acme["customer"]["id"])

    assert (event["status"], event["lastError"]) == ("FAILED", "UnreadableEvent")
    assert replayed == {"webhookEvent": {"status": "FAILED", "lastError": "UnreadableEvent"}, "errors": []}
    assert linked.data["linkProcessorAccount"] == {"customer": {"id": acme["customer"]["id"]}, "errors": []}


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("seatgate webhooks ")])
def test_the_inbox_is_commanded_as_the_guide_shows(
    line: str, sqlite: Sqlite, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(sqlite.fresh(tmp_path), clock)
    (tmp_path / "catalog.toml").write_text(CATALOG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEATGATE_DATABASE_URL", inbox.url)
    who = inbox.three()

    told = inbox.run(*shlex.split(line.replace("whe_…", inbox.row("evt_0").id).replace("cst_…", who))[2:])

    assert (told.exit_code, bool(told.stdout)) == (0, True)


@pytest.mark.parametrize("line", [line for line in COMMANDS if not line.startswith("seatgate webhooks ")])
def test_every_other_command_line_is_one(line: str) -> None:
    program, *arguments = shlex.split(line)

    # What follows is told only where everything before it is known.
    assert (program, CliRunner().invoke(app, [*arguments, "--help"]).exit_code) == ("seatgate", 0)

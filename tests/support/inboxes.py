"""An inbox with events in it, and the command line that an operator has."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import insert
from typer.testing import CliRunner, Result

from domain.billing.webhooks import WebhookEvent
from domain.db import Database, open_database
from graphql_api.cli import app
from tests.support.billing import customer, events, linked, mirror_of
from tests.support.clock import FixedClock
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

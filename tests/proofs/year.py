"""A year of billing on the Fake: people buy, change, fail to pay, recover and leave, and the mirror follows.

`python -m tests.proofs.year --customers 1000 --seed 1`. Everything that happens is decided by the seed. Webhooks go
through the real inbox into the real mirror, in a real database file; only the calendar is not real.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import uvloop
from sqlalchemy import event, func, select

from domain.billing import Owner, OwnerKind, ProcessorName, Purchase, create_customer, facts, link_account
from domain.billing.processors import ItemChange, shapes
from domain.billing.processors.fake import Card, FakeProcessor, FakeSubscription
from domain.billing.processors.fake.models import FakeEvent
from domain.billing.states import Proration
from domain.billing.subscriptions import BillingSubscription
from domain.billing.webhooks import WebhookEvent
from domain.db import Session, migrating
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.wired import fake_of, wired

BEGINS = datetime(2027, 1, 1, 9, tzinfo=UTC)
DAYS = 365
WEEK = 7
PRICES = ("price_pro_monthly", "price_pro_yearly", "price_team_monthly", "price_team_yearly")
JOBS = ("fake", "inbox", "fetches", "outbox")

Deed = Callable[[FakeProcessor], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the year came to. `digest` is of every event and every row; `astray` are rows that are not the truth."""

    subscriptions: int
    events: int
    digest: str
    astray: int
    unsettled: int


class Person:
    """One customer, with a life that the seed decides."""

    def __init__(self, number: int, seed: int) -> None:
        self._chance = random.Random(f"{seed}:{number}")
        self.account = f"cus_year_{number}"
        self._key = f"year:{number}"
        self._price = self._chance.choice(PRICES)
        self._quantity = self._chance.randint(1, 9)

    def plan(self) -> Iterator[tuple[int, Deed]]:
        """Yield what the person does, each with its day."""
        day = self._chance.randrange(DAYS)
        if self._chance.random() < 0.1:
            yield day, lambda fake: fake.set_card(self.account, self._chance.choice([Card.DECLINED, Card.MISSING]))
            yield day + self._chance.randint(15, 40), lambda fake: fake.set_card(self.account, Card.GOOD)
        yield day, self._buy
        for deed, likely in ((self._upgrade, 0.3), (self._grow, 0.3), (self._leave, 0.25)):
            if self._chance.random() < likely:
                yield day + self._chance.randint(3, 200), deed
        if self._chance.random() < 0.15:
            failing = day + self._chance.randint(1, 120)
            yield failing, lambda fake: fake.set_card(self.account, Card.DECLINED)
            yield failing + self._chance.randint(10, 60), lambda fake: fake.set_card(self.account, Card.GOOD)

    async def _buy(self, fake: FakeProcessor) -> None:
        price = f"{self._price}_trial" if self._chance.random() < 0.3 else self._price
        items = [Purchase(price_id=price, quantity=self._quantity)]
        bought = await fake.subscribe(self.account, items, key=self._key)
        self._subscription = bought.snapshot.processor_id

    async def _upgrade(self, fake: FakeProcessor) -> None:
        await self._change(fake, "price_team_yearly", self._quantity)

    async def _grow(self, fake: FakeProcessor) -> None:
        self._quantity += self._chance.randint(1, 5)
        await self._change(fake, None, self._quantity)

    async def _change(self, fake: FakeProcessor, price: str | None, quantity: int) -> None:
        held = await fake.fetch(self._subscription)
        if held is None or held.state.ended_at is not None:
            return
        [item] = held.state.items
        change = ItemChange(item_id=item.processor_id, price_id=price or item.price_id, quantity=quantity)
        key = f"{self._key}:{price}:{quantity}"
        await fake.change_item(self._subscription, change, proration=Proration.CREATE_PRORATIONS, key=key)

    async def _leave(self, fake: FakeProcessor) -> None:
        at_period_end = self._chance.random() < 0.7
        await fake.cancel(self._subscription, at_period_end=at_period_end, at=None, key=f"{self._key}:leave")


async def live(services: Services, clock: FixedClock, *, customers: int, seed: int) -> Report:
    """Live through the year and compare the mirror with the Fake."""
    fake = fake_of(services)
    people = [Person(number, seed) for number in range(customers)]
    await services.database.run(lambda session: _arrive(session, clock, people))
    for price in PRICES:
        interval = "year" if price.endswith("yearly") else "month"
        await fake.set_price(f"{price}_trial", unit_amount=2000, interval=interval, trial_days=14)
    days: dict[int, list[Deed]] = {}
    for person in people:
        for day, deed in person.plan():
            days.setdefault(day, []).append(deed)
    for day in range(DAYS):
        clock.forward(days=1)
        for deed in days.get(day, []):
            # A processor does one thing after the other; what shares a second is ambiguous and costs a fetch.
            clock.forward(seconds=2)
            await deed(fake)
        await fake.advance(0)
        await fake.deliver_due(services.inbox)
        if day % WEEK == 0:
            await _settle(services)
    await _settle(services)
    return await _compare(services)


async def _arrive(session: Session, clock: FixedClock, people: list[Person]) -> None:
    for person in people:
        owner = Owner(kind=OwnerKind.USER, id=person.account.replace("cus", "usr"))
        customer = await create_customer(session, owner=owner, at=clock.now())
        await link_account(
            session,
            customer_id=customer.id,
            processor=ProcessorName.FAKE,
            livemode=False,
            processor_id=person.account,
            at=clock.now(),
        )


async def _settle(services: Services) -> None:
    """Let the worker do what billing has left to it."""
    while [done for job in JOBS if (done := await services.worker.jobs[job]())]:
        pass


async def _compare(services: Services) -> Report:
    async with services.database.snapshot() as session:
        held = {row.id: shapes.snapshot(row.document).state for row in await _all(session, FakeSubscription)}
        rows = {row.processor_id: row for row in await _all(session, BillingSubscription)}
        events = [(row.id, row.type, row.occurred_at.isoformat()) for row in await _all(session, FakeEvent)]
        received = (await session.execute(select(func.count()).select_from(WebhookEvent))).scalar_one()
    told = [[id, facts.encode(rows[id].current), str(rows[id].past_due_since)] for id in sorted(rows)]
    return Report(
        subscriptions=len(held),
        events=received,
        digest=sha256(json.dumps([events, told]).encode()).hexdigest()[:16],
        astray=sum(id not in rows or rows[id].current != state for id, state in held.items())
        + abs(len(rows) - len(held)),
        unsettled=sum(row.fetch_owed for row in rows.values()) + abs(received - len(events)),
    )


async def _all(session: Session, table: type) -> list:  # type: ignore[type-arg]
    return list((await session.execute(select(table))).scalars())


def main(arguments: list[str]) -> int:
    """Live through the year, print what it came to, and give the exit code."""
    parser = argparse.ArgumentParser(description="A year of billing on the Fake.")
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/seatgate.db"
        migrating.upgrade(url)
        began = time.perf_counter()
        report = run(url, customers=given.customers, seed=given.seed)
        seconds = time.perf_counter() - began
    sys.stdout.write(f"{report}\n{seconds:.1f} s, of them {time.process_time():.1f} s of computing\n")
    return 1 if report.astray or report.unsettled else 0


def _carelessly(connection: Any, _: object) -> None:
    """Wait for no disk: what is proved is billing, and the file is thrown away."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = off")
    cursor.close()


def run(url: str, *, customers: int, seed: int) -> Report:
    """Live through the year on a migrated database."""

    async def whole() -> Report:
        clock = FixedClock(BEGINS)
        services = wired(url, clock)
        if services.database.dialect == "sqlite":
            event.listen(services.database.engine.sync_engine, "connect", _carelessly)
        try:
            return await live(services, clock, customers=customers, seed=seed)
        finally:
            await services.aclose()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(whole())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

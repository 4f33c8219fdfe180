"""What invoices tell: the newest word stays in any order, and what the mirror does not know is looked at."""

import json
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import delete, select

from domain import outbox
from domain.billing import Inbox
from domain.billing.invoices import Invoice, InvoiceChecks, next_attempt_at, prune
from domain.billing.states import Status
from domain.billing.webhooks import WebhookStatus
from domain.db import Database
from tests.domain.billing.processors import stripe_json
from tests.support.billing import event, row_counts
from tests.support.clock import FixedClock
from tests.support.following import FAKE, Firm, firm

FAILED, PAID = "invoice.payment_failed", "invoice.paid"


@pytest.fixture
async def acme(database: Database, clock: FixedClock) -> Firm:
    made = await firm(database, clock)
    await made.buys()
    return made


def body(clock: FixedClock, kind: str, *, id: str = "evt_1", ago: float = 0, **changes: Any) -> bytes:
    """Write an event about the invoice `in_1` of `sub_1` that happened some seconds ago."""
    invoice = {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "attempt_count": 1,
        "next_payment_attempt": None,
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
    }
    created = int((clock.now() - timedelta(seconds=ago)).timestamp())
    return json.dumps(stripe_json.event(id=id, type=kind, created=created, data={"object": invoice | changes})).encode()


async def receive(acme: Firm, *bodies: bytes) -> None:
    inbox = Inbox(database=acme.database, clock=acme.clock, processors={FAKE: acme.register})
    for each in bodies:
        await inbox.receive(FAKE, each, None)


async def invoices(database: Database) -> list[tuple[object, ...]]:
    async with database.snapshot() as session:
        rows = (await session.scalars(select(Invoice).order_by(Invoice.processor_id))).all()
    return [(row.processor_id, str(row.outcome), row.attempts, row.next_attempt_at, row.event_id) for row in rows]


async def checks(acme: Firm) -> int:
    """Carry out the looks that are due, and count the fetches since the beginning."""
    made = InvoiceChecks(fetches=acme.fetches())
    await outbox.deliver_due(acme.database, acme.clock, {made.TOPIC: made.deliver})
    return acme.register.fetches


async def test_any_order_of_the_same_words_leaves_the_same_row(acme: Firm) -> None:
    later = int((acme.clock.now() + timedelta(days=3)).timestamp())
    words = [
        body(acme.clock, FAILED, id="evt_1", ago=9, attempt_count=1, next_payment_attempt=later),
        body(acme.clock, FAILED, id="evt_3", ago=5, attempt_count=2, next_payment_attempt=later + 60),
        body(acme.clock, FAILED, id="evt_2", ago=5, attempt_count=2, next_payment_attempt=later),
        body(acme.clock, PAID, id="evt_0", ago=5, attempt_count=3),
    ]
    found = set()

    for order in permutations(words[:3]):
        await receive(acme, *order)
        found.add(tuple(await invoices(acme.database)))
        await forget(acme.database)
    for order in permutations(words):
        await receive(acme, *order)
        found.add(tuple(await invoices(acme.database)))
        await forget(acme.database)

    assert found == {
        (("in_1", "failed", 2, datetime.fromtimestamp(later + 60, acme.clock.now().tzinfo), "evt_3"),),
        (("in_1", "paid", 3, None, "evt_0"),),
    }


async def forget(database: Database) -> None:
    async with database.transaction() as session:
        for table in ("webhook_events", "billing_invoices"):
            await session.execute(delete(Invoice.metadata.tables[table]))


async def test_the_next_attempt_is_the_last_one_announced_for_what_is_unpaid(acme: Firm) -> None:
    first, last = (int((acme.clock.now() + timedelta(days=days)).timestamp()) for days in (3, 5))
    await receive(
        acme,
        body(acme.clock, FAILED, id="evt_1", next_payment_attempt=first),
        other_invoice(acme, FAILED, next_payment_attempt=last),
    )
    both = await announced(acme)
    await receive(acme, other_invoice(acme, PAID, event_id="evt_3"))

    assert both == datetime.fromtimestamp(last, acme.clock.now().tzinfo)
    assert await announced(acme) == datetime.fromtimestamp(first, acme.clock.now().tzinfo)


def other_invoice(acme: Firm, kind: str, *, event_id: str = "evt_2", **changes: Any) -> bytes:
    written = json.loads(body(acme.clock, kind, id=event_id, **changes))
    written["data"]["object"]["id"] = "in_2"
    return json.dumps(written).encode()


async def announced(acme: Firm) -> datetime | None:
    row = await acme.row()
    async with acme.database.snapshot() as session:
        return await next_attempt_at(session, row)


async def test_an_unknown_customer_is_waited_for(acme: Firm) -> None:
    await receive(acme, body(acme.clock, FAILED, customer="cus_2"))

    waiting = await event(acme.database)
    assert (waiting.status, waiting.waiting_for) == (WebhookStatus.RECEIVED, "cus_2")
    assert await invoices(acme.database) == []


async def test_an_invoice_of_no_subscription_is_applied_and_leaves_nothing(acme: Firm) -> None:
    before = await row_counts(acme.database)
    await receive(acme, body(acme.clock, FAILED, parent=None))

    assert (await event(acme.database)).status is WebhookStatus.APPLIED
    assert await row_counts(acme.database) == before | {"webhook_events": 1}


async def test_a_subscription_that_nobody_has_told_of_is_fetched(acme: Firm) -> None:
    acme.register.states["sub_2"] = acme.register.states["sub_1"]
    parent = {"type": "subscription_details", "subscription_details": {"subscription": "sub_2"}}
    await receive(acme, body(acme.clock, PAID, parent=parent))
    early = await checks(acme)

    acme.clock.forward(seconds=10)

    assert (await event(acme.database)).status is WebhookStatus.APPLIED
    assert (early, await checks(acme)) == (0, 1)
    assert (await acme.row("sub_2")).status is Status.ACTIVE


async def test_a_failure_whose_subscription_still_grants_has_it_fetched(acme: Firm) -> None:
    acme.clock.forward(minutes=5)
    await receive(acme, body(acme.clock, FAILED))
    acme.register.changes("sub_1", status=Status.PAST_DUE)
    acme.clock.forward(seconds=10)

    assert await checks(acme) == 1
    assert (await acme.row()).status is Status.PAST_DUE


async def test_a_payment_whose_subscription_is_still_past_due_has_it_fetched(acme: Firm) -> None:
    acme.register.changes("sub_1", status=Status.PAST_DUE)
    acme.clock.forward(minutes=5)
    await acme.hear()
    acme.clock.forward(days=3)
    await receive(acme, body(acme.clock, PAID))
    acme.register.changes("sub_1", status=Status.ACTIVE)
    acme.clock.forward(seconds=10)

    assert await checks(acme) == 1
    assert (await acme.row()).status is Status.ACTIVE


async def test_what_the_subscription_has_told_by_itself_is_not_fetched(acme: Firm) -> None:
    acme.clock.forward(minutes=5)
    await receive(acme, body(acme.clock, FAILED))
    acme.register.changes("sub_1", status=Status.PAST_DUE)
    await acme.hear()
    acme.clock.forward(seconds=10)

    assert await checks(acme) == 0


async def test_what_was_confirmed_after_the_invoice_is_not_fetched_again(acme: Firm) -> None:
    acme.clock.forward(minutes=5)
    await receive(acme, body(acme.clock, FAILED))
    acme.clock.forward(seconds=10)
    await checks(acme)

    await receive(acme, other_invoice(acme, FAILED, event_id="evt_2"))
    acme.clock.forward(seconds=10)
    once_more = await checks(acme)
    acme.clock.forward(days=1)

    assert once_more <= 2
    assert await checks(acme) == once_more


async def test_an_old_word_that_comes_late_has_nothing_fetched(acme: Firm) -> None:
    acme.clock.forward(minutes=5)
    await acme.hear()
    await receive(acme, body(acme.clock, FAILED, ago=60))
    acme.clock.forward(seconds=10)

    assert await checks(acme) == 0


async def test_a_burst_of_words_on_one_invoice_is_one_look(acme: Firm) -> None:
    acme.clock.forward(minutes=5)
    await receive(acme, *(body(acme.clock, FAILED, id=f"evt_{n}", ago=9 - n) for n in range(9)))
    acme.clock.forward(seconds=10)

    assert await checks(acme) == 1


async def test_what_was_paid_half_a_year_ago_is_forgotten_and_what_was_not_stays(acme: Firm) -> None:
    await receive(acme, body(acme.clock, PAID), other_invoice(acme, FAILED))
    acme.clock.forward(days=180)
    early = await prune(acme.database, acme.clock)
    acme.clock.forward(seconds=1)

    assert (early, await prune(acme.database, acme.clock)) == (0, 1)
    assert [row[0] for row in await invoices(acme.database)] == ["in_2"]

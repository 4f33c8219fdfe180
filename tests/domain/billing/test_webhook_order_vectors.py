"""The vectors of delivery orders that end as they say, and why the others do not.

The original throws stale events away and asks the processor for every other; here every event is a fact. So results and
ledger are the original's own, and what counts is the row at the end of every run.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.billing import WebhookStatus
from domain.billing.customers import ProcessorAccount
from domain.billing.facts import FactSource
from domain.billing.lifecycle import entitling
from domain.billing.processors import shapes
from domain.billing.statements import Statement
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import absorb
from domain.db import Database
from domain.scope import system
from tests.domain.billing.processors import stripe_json
from tests.support.billing import Mirror, customer, events, linked, mirror_of, row_counts, subscription, subscriptions
from tests.support.clock import FixedClock

PATH = Path(__file__).parents[2] / "vectors" / "webhook_order.json"
CASES = {case["id"]: case for case in json.loads(PATH.read_text(encoding="utf-8"))["cases"]}
OVERRULED = {
    "wo-unknown-customer": "an event of an unknown customer waits and is applied when the account is linked",
    "wo-no-created-timestamp": "an event without the processor's time is refused and not stored",
}
RUNS = [(id, number) for id, case in CASES.items() if id not in OVERRULED for number in range(len(case["runs"]))]


def document(state: dict[str, Any]) -> dict[str, Any]:
    """Write a vector's state as Stripe would."""
    item = stripe_json.item(quantity=state["quantity"], price={"id": state["price_id"], "object": "price"})
    said = {
        name: state[name]
        for name in ("status", "cancel_at_period_end", "ended_at", "pause_collection")
        if name in state
    }
    return stripe_json.subscription(items=stripe_json.items(item), **said)


async def scene(database: Database, clock: FixedClock, case: dict[str, Any]) -> Mirror:
    """Link the customer and load the row that is there before, as what a fetch at its watermark has said."""
    mirror = mirror_of(database, clock)
    made = await customer(database, clock)
    if case["customer_known"]:
        await linked(database, clock, made.id)
    row = case["initial_row"]
    if row is not None:
        at = datetime.fromtimestamp(row["watermark_ts"], UTC)
        statement = Statement(
            source=FactSource.FETCH,
            type=None,
            event_id=row["watermark_id"],
            occurred_at=at,
            snapshot=shapes.snapshot(document(row)),
            asked_at=clock.now() - timedelta(seconds=1),
        )
        async with database.transaction() as session:
            account = await session.get_one(ProcessorAccount, (ProcessorName.FAKE, False, "cus_1"))
            await absorb(session, statement, account=account, scope=system("test"), now=clock.now())
    return mirror


async def deliver(mirror: Mirror, case: dict[str, Any], event_id: str) -> None:
    [event] = [each for each in case["events"] if each["id"] == event_id]
    told = {"id": event_id, "type": event["type"], "created": event["created"]}
    await mirror.post(**told, data={"object": document(event["payload_state"])})


@pytest.mark.parametrize(("id", "run"), RUNS)
async def test_every_order_ends_in_the_row_that_the_vector_says(
    database: Database, clock: FixedClock, id: str, run: int
) -> None:
    case = CASES[id]
    mirror = await scene(database, clock, case)

    for event_id in case["runs"][run]["delivery"]:
        await deliver(mirror, case, event_id)

    row, final = await subscription(database), case["runs"][run]["final"]
    assert row.current == shapes.snapshot(document(final)).state
    assert row.last_fact_at == datetime.fromtimestamp(final["watermark_ts"], UTC)
    assert not row.fetch_owed
    assert {event.status for event in await events(database)} == {WebhookStatus.APPLIED}


@pytest.mark.parametrize(("id", "run"), RUNS)
async def test_a_late_event_is_a_fact_and_not_thrown_away(
    database: Database, clock: FixedClock, id: str, run: int
) -> None:
    case = CASES[id]
    mirror = await scene(database, clock, case)

    for event_id in case["runs"][run]["delivery"]:
        await deliver(mirror, case, event_id)

    facts = len(set(case["runs"][run]["delivery"])) + (case["initial_row"] is not None)
    assert await row_counts(database, ["subscription_facts"]) == {"subscription_facts": facts}


async def test_an_ended_subscription_grants_nothing_in_any_order(database: Database, clock: FixedClock) -> None:
    case = CASES["wo-three-any-order-cancel"]
    mirror = await scene(database, clock, case)

    for event_id in ("evt_3", "evt_2", "evt_1"):
        await deliver(mirror, case, event_id)
        assert not entitling((await subscription(database)).current)


async def test_an_unknown_customers_event_is_applied_when_the_account_is_linked(
    database: Database, clock: FixedClock
) -> None:
    case = CASES["wo-unknown-customer"]
    mirror = mirror_of(database, clock)
    made = await customer(database, clock)
    await deliver(mirror, case, "evt_1")
    assert await subscriptions(database) == []

    await linked(database, clock, made.id)
    await mirror.inbox.retry_due()

    assert (await subscription(database)).status == "active"

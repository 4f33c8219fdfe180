"""One row for each customer: the newest summary, whichever arrived first, and the ledger of what it changed."""

import re
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import select, text

from domain.db import Base
from domain.entitlements import count_partial
from domain.entitlements.advisory import SummarySource
from domain.entitlements.advisory.summaries import Kept, Summary, keep
from domain.ids import CustomerId
from domain.scope import system
from tests.support.granting import House, told
from tests.support.tables import unchanged

GUIDE = Path(__file__).parents[4] / "docs/advisory.md"
PULL, WEBHOOK = SummarySource.PULL, SummarySource.WEBHOOK


def summary(house: House, second: float, source: SummarySource, *keys: str, complete: bool = True) -> Summary:
    at = house.clock.now() + timedelta(seconds=second)
    event_id = f"evt_{second}" if source is WEBHOOK else ""
    return Summary(news=told(*keys, complete=complete), source=source, livemode=False, at=at, event_id=event_id)


async def kept(house: House, customer_id: CustomerId, one: Summary) -> Kept:
    async with house.services.database.transaction() as session:
        return await keep(session, customer_id, one, scope=system("test"), now=house.clock.now())


async def ledger(house: House) -> list[str]:
    """Say of each change in the ledger how it was learned."""
    table = Base.metadata.tables["audit_events"]
    query = select(table.c.after).where(table.c.action == "entitlements.summary.synced").order_by(table.c.id)
    async with house.services.database.snapshot() as session:
        return [after["source"] for after in (await session.execute(query)).scalars()]


async def test_every_order_of_arrival_leaves_the_same_row(house: House) -> None:
    arriving = [
        summary(house, 0.5, PULL, "space", "sso"),
        summary(house, 0, WEBHOOK, "space", complete=False),
        summary(house, 1, WEBHOOK, "sso"),
        summary(house, 2.5, PULL, "reports"),
    ]

    for number, order in enumerate(permutations(arriving)):
        customer = await house.customer(account=f"cus_{number}")
        for one in order:
            await kept(house, customer, one)
        row = await house.row(customer)
        assert row is not None
        assert (row.lookup_keys, row.complete, row.source, row.occurred_at, row.event_id) == (
            ["reports"],
            True,
            PULL,
            arriving[-1].at,
            "",
        )


async def test_what_is_older_or_the_same_leaves_nothing(house: House) -> None:
    customer = await house.customer()
    await kept(house, customer, summary(house, 2, WEBHOOK, "space"))

    async with unchanged(house.services.database):
        for one in (
            summary(house, 2, WEBHOOK, "sso"),
            summary(house, 1, WEBHOOK, "sso"),
            summary(house, 2.5, PULL, "sso"),
            summary(house, 1.5, PULL, "sso"),
        ):
            assert await kept(house, customer, one) is Kept.STALE


@pytest.mark.parametrize("source", list(SummarySource))
async def test_only_what_says_something_new_is_in_the_ledger(house: House, source: SummarySource) -> None:
    customer = await house.customer()
    told = [
        summary(house, 1, WEBHOOK, "space", complete=False),
        summary(house, 2, source, "space"),
        summary(house, 3, source, "space"),
        summary(house, 4, source),
        summary(house, 5, source),
    ]

    outcomes = [await kept(house, customer, one) for one in told]

    assert outcomes == [Kept.CHANGED, Kept.CHANGED, Kept.UNCHANGED, Kept.CHANGED, Kept.UNCHANGED]
    assert sorted(await ledger(house)) == sorted([WEBHOOK, source, source])


async def test_partial_summaries_are_found_by_their_index(house: House) -> None:
    for number, complete in enumerate((True, False, False)):
        customer = await house.customer(account=f"cus_{number}")
        await kept(house, customer, summary(house, 1, WEBHOOK, "space", complete=complete))
    [asked] = re.findall(r"^```sql\n(.*?)^```", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
    if house.services.database.engine.dialect.name == "sqlite":
        asked = asked.replace("NOT complete", "complete = 0")

    async with house.services.database.snapshot() as session:
        assert await count_partial(session) == 2
        if house.services.database.engine.dialect.name == "sqlite":
            plan = "EXPLAIN QUERY PLAN "
        else:
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            plan = "EXPLAIN "
        lines = [str(row) for row in (await session.execute(text(plan + asked))).all()]

    assert any("ix_entitlement_summaries_partial" in line for line in lines), lines


async def test_each_partial_summary_that_is_kept_is_told_to_operators(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    customer = await house.customer()

    for second in (1, 2, 2):
        await kept(house, customer, summary(house, second, WEBHOOK, "space", complete=False))
    await kept(house, customer, summary(house, 3, PULL, "space"))

    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [customer in message for message in warned] == [True, True]

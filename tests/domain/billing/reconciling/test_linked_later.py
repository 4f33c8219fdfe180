"""Subscriptions that a fetch has left alone because nobody was linked: in the mirror once somebody is."""

from domain.billing import DriftAccess, DriftKind, ProcessorName
from domain.billing.fetches import Fetches
from domain.billing.webhooks import keep_waiting
from tests.support.billing import row_counts, subscription
from tests.support.drifting import SCOPE, TEAM, Shop

ACCOUNT = "cus_elsewhere"


async def bought_elsewhere(here: Shop) -> str:
    """Buy for an account that is nobody's, and have it fetched without an event that could wait."""
    bought = await here.buy_unheard(TEAM, key="elsewhere", quantity=2, account=ACCOUNT)
    fetches = Fetches(
        database=here.database, clock=here.clock, processors=here.services.processors, unlinked=keep_waiting
    )
    await fetches.deliver({"processor": "fake", "processor_id": bought})
    assert "billing_subscriptions" not in await row_counts(here.database)
    return bought


async def link(here: Shop) -> None:
    async with here.database.transaction() as session:
        await here.services.linking.link(
            session, scope=SCOPE, customer_id=here.customer, processor=ProcessorName.FAKE, processor_id=ACCOUNT
        )


async def test_the_next_comparison_of_everything_brings_them_in(here: Shop) -> None:
    bought = await bought_elsewhere(here)
    await link(here)

    drifts = await here.reconcile()

    assert {(drift.processor_id, drift.access) for drift in drifts} == {(bought, DriftAccess.WRONGLY_WITHHELD)}
    assert {drift.healed_at for drift in drifts} == {here.clock.now()}
    assert (await subscription(here.database)).customer_id == here.customer
    assert await here.reconcile() == []


async def test_whoever_links_can_have_them_brought_in_at_once(here: Shop) -> None:
    await bought_elsewhere(here)
    await link(here)

    done = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer)

    assert {drift.healed_at for drift in done.drifts} == {here.clock.now()}
    assert {drift.kind for drift in done.drifts} <= {DriftKind.MISSED_EVENT, DriftKind.CUSTOMER_WITHOUT_ROW}
    assert await here.right()

"""Quantities that somebody wants otherwise, and what a comparison costs."""

from dataclasses import replace

from sqlalchemy import event

from domain.billing import BillingSubscription, DriftAccess, DriftKind, Item
from domain.db import Session
from tests.support.drifting import TEAM, Shop


async def test_an_item_of_which_there_should_be_another_number_is_told_and_left_to_others(here: Shop) -> None:
    async def wanted(session: Session, row: BillingSubscription, item: Item) -> int | None:
        return 5

    bought = await here.buy(TEAM, quantity=3)
    following = replace(here.reconciling, wanted=wanted)

    [drift] = await here.drifts(await following.everything())

    assert (drift.kind, drift.processor_id) == (DriftKind.WRONG_QUANTITY, bought)
    assert (drift.access, drift.healed_at) == (DriftAccess.UNCHANGED, None)
    assert await here.right()


async def test_an_item_that_nobody_wants_otherwise_is_no_drift(here: Shop) -> None:
    async def wanted(session: Session, row: BillingSubscription, item: Item) -> int | None:
        return item.quantity if item.price_id == TEAM else None

    await here.buy(TEAM, quantity=3)
    following = replace(here.reconciling, wanted=wanted)

    assert await here.drifts(await following.everything()) == []


async def test_a_comparison_that_finds_nothing_costs_no_statement_more_for_ten_subscriptions_than_for_one(
    here: Shop,
) -> None:
    await here.buy(TEAM)
    sent: list[str] = []

    @event.listens_for(here.database.engine.sync_engine, "before_cursor_execute")
    def note(*given: object) -> None:
        sent.append(str(given[2]))

    await here.reconcile()
    one = len(sent)
    for number in range(9):
        await here.buy_unheard("price_seat_pack", key=f"pack {number}")
    await here.reconcile()
    sent.clear()
    assert await here.reconcile() == []

    assert len(sent) <= one

"""What happens by itself: lost events within 20 minutes, everything once a day, one process at a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.billing import DriftKind, Schedule
from domain.billing.processors import ProcessorUnavailable
from domain.billing.reconciling.models import ReportScope
from tests.support.drifting import TEAM, OtherFake, Shop, SilentFake
from tests.support.tables import unchanged


@pytest.fixture
async def schedule(here: Shop) -> AsyncIterator[Schedule]:
    made = Schedule(here.reconciling)
    yield made
    await made.aclose()


async def until_done(schedule: Schedule) -> None:
    """Let the run that is due, if any, come to its end."""
    await schedule.run_due()
    while schedule._running is not None:
        await schedule.run_due()


async def test_at_boot_everything_is_compared_and_again_after_a_day(here: Shop, schedule: Schedule) -> None:
    await here.buy()

    await until_done(schedule)
    await until_done(schedule)
    here.clock.forward(hours=23)
    await until_done(schedule)
    assert len(await here.reports()) == 1
    here.clock.forward(hours=1)
    await until_done(schedule)

    assert [(report.scope, report.finished_at is None) for report in await here.reports()] == [
        (ReportScope.EVERYTHING, False)
    ] * 2


async def test_an_event_that_is_lost_is_taken_in_by_the_next_look_and_told(here: Shop, schedule: Schedule) -> None:
    bought = await here.buy()
    await until_done(schedule)
    await here.end_unheard(bought)
    here.clock.forward(minutes=16)

    await until_done(schedule)

    [_, report] = await here.reports()
    [drift] = await here.drifts(report)
    assert (report.scope, drift.kind, drift.processor_id) == (
        ReportScope.MISSED_EVENTS,
        DriftKind.MISSED_EVENT,
        bought,
    )
    newest = await here.newest()
    assert newest is not None
    assert newest.id != report.id
    assert await here.right()


async def test_a_look_that_misses_nothing_leaves_no_report_and_moves_on(here: Shop, schedule: Schedule) -> None:
    await here.buy()
    await until_done(schedule)

    for _ in range(3):
        here.clock.forward(minutes=16)
        await until_done(schedule)

    assert len(await here.reports()) == 1


async def test_two_processes_that_start_together_compare_once(here: Shop) -> None:
    await here.buy()
    one, other = Schedule(here.reconciling), Schedule(here.reconciling)

    await asyncio.gather(until_done(one), until_done(other))
    late = Schedule(here.reconciling)
    await until_done(late)

    assert len(await here.reports()) == 1


async def test_a_process_that_is_silent_is_followed_by_another_that_goes_on_with_its_report(here: Shop) -> None:
    bought = await here.buy()
    await here.end_unheard(bought)
    here.clock.forward(minutes=6)
    fake = SilentFake(here)
    silent, heir = Schedule(here.asking(fake)), Schedule(here.reconciling)
    await silent.run_due()
    await fake.asked.wait()
    here.clock.forward(minutes=2)
    await until_done(heir)
    [unfinished] = await here.reports()
    assert unfinished.finished_at is None
    here.clock.forward(minutes=4)

    await until_done(heir)

    [report] = await here.reports()
    assert (report.id, report.finished_at) == (unfinished.id, here.clock.now())
    assert [drift.kind for drift in await here.drifts(report)] == [DriftKind.MISSED_EVENT]
    # Its turn is another's by now, so that it has nothing to give back.
    async with unchanged(here.database):
        await silent.aclose()


async def test_a_processor_that_asks_for_a_rest_gets_it(here: Shop) -> None:
    await here.buy()
    schedule = Schedule(here.asking(OtherFake(here, ProcessorUnavailable(retry_after=1800))))
    await until_done(schedule)
    here.clock.forward(minutes=14)
    await until_done(schedule)
    assert [report.finished_at for report in await here.reports()] == [None]
    here.clock.forward(minutes=17)

    await until_done(schedule)

    assert [report.finished_at for report in await here.reports()] == [here.clock.now()]


async def test_a_purchase_whose_every_event_was_lost_arrives_with_the_next_look(here: Shop, schedule: Schedule) -> None:
    await here.buy()
    await until_done(schedule)
    bought = await here.buy_unheard(TEAM, key="unheard", quantity=4)
    here.clock.forward(minutes=20)

    await until_done(schedule)

    [_, report] = await here.reports()
    assert {drift.processor_id for drift in await here.drifts(report)} == {bought}
    assert await here.right()

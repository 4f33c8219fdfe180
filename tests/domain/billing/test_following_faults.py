"""Whatever the processor, a crash or another worker does: one quantity, in the end the right one, in few calls."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from domain.billing.processors import ProcessorUnavailable
from domain.billing.states import Proration, Status
from domain.db import Database
from tests.support.clock import FixedClock
from tests.support.following import Firm, firm
from tests.support.scripted import Scene
from tests.support.tables import scalar

PRORATED = Proration.CREATE_PRORATIONS
FOLLOWED = "SELECT count(*) FROM audit_events WHERE action = 'subscription.quantity_followed'"
TOO_MANY = ProcessorUnavailable("429", answered=True, retry_after=3)
BROKEN = ProcessorUnavailable("500", answered=True)


@pytest.fixture
async def acme(database: Database, clock: FixedClock) -> Firm:
    made = await firm(database, clock)
    await made.buys()
    await made.works(seconds=20)
    return made


@pytest.mark.parametrize("fault", [Scene.AWAY, Scene.LOSES, Scene.REFUSES, Scene.BREAKS, TOO_MANY, BROKEN], ids=repr)
@pytest.mark.parametrize("times", [1, 3])
async def test_after_any_fault_the_worker_brings_the_quantity_right(
    acme: Firm, fault: Scene | ProcessorUnavailable, times: int
) -> None:
    acme.register.script = [fault] * times
    await acme.joins("ann", "bob")

    for _ in range(6):
        await acme.works(seconds=70)

    done_unheard = fault is Scene.LOSES
    assert await acme.quantities() == (3, 3)
    assert len(acme.register.calls) == (1 if done_unheard else times + 1)
    assert len({key for _, _, key in acme.register.calls}) == len(acme.register.calls)
    assert await acme.open_intents() == []
    assert await acme.waiting() == []
    assert await scalar(acme.database, FOLLOWED) == 1


async def test_a_crash_between_call_and_outcome_is_found_out_by_looking(acme: Firm) -> None:
    acme.register.script = [Scene.HANGS]
    await acme.joins("ann")
    acme.clock.forward(seconds=10)
    crashed = asyncio.create_task(acme.round())
    await acme.register.hanging.wait()
    crashed.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await crashed
    lost = await acme.open_intents()

    await acme.works(seconds=59.999999)
    leased = await acme.open_intents()
    await acme.works(microseconds=1)

    assert len(lost) == 1
    assert leased == lost
    assert await acme.open_intents() == []
    assert acme.register.asked("change_item") == [(2, PRORATED)]
    assert acme.register.fetches == 1
    assert await acme.quantities() == (2, 2)
    assert await scalar(acme.database, FOLLOWED) == 1


async def test_an_answer_that_comes_after_another_worker_has_looked_changes_nothing_more(acme: Firm) -> None:
    acme.register.script = [Scene.HANGS]
    await acme.joins("ann")
    acme.clock.forward(seconds=10)
    slow = asyncio.create_task(acme.round())
    await acme.register.hanging.wait()
    await acme.works(seconds=60)

    acme.register.changes("sub_1", status=Status.CANCELED, ended_at=acme.clock.forward(seconds=1))
    await acme.hear()
    acme.register.go_on.set()
    await slow
    await acme.works(seconds=60)

    assert (await acme.row()).status is Status.CANCELED
    assert await scalar(acme.database, FOLLOWED) == 1
    assert len(acme.register.calls) == 1


async def test_nobody_asks_while_a_request_is_under_way(acme: Firm) -> None:
    acme.register.script = [Scene.HANGS]
    await acme.joins("ann")
    acme.clock.forward(seconds=10)
    first = asyncio.create_task(acme.round())
    await acme.register.hanging.wait()
    await acme.joins("bob")
    await acme.works(seconds=20)
    meanwhile = acme.register.asked("change_item")

    acme.register.go_on.set()
    await first
    await acme.works(seconds=10)

    assert meanwhile == [(2, PRORATED)]
    assert acme.register.asked("change_item") == [(2, PRORATED), (3, PRORATED)]
    assert await acme.quantities() == (3, 3)


async def test_two_workers_that_come_at_once_ask_once(acme: Firm) -> None:
    await acme.joins("ann")
    acme.clock.forward(seconds=10)
    wish = {"organization_id": acme.organization.id, "since": "2026-01-01T00:00:00+00:00"}

    await asyncio.gather(*(acme.following().deliver(wish) for _ in range(4)), return_exceptions=True)
    await acme.works(seconds=20)

    assert acme.register.asked("change_item") == [(2, PRORATED)]
    assert await acme.quantities() == (2, 2)


async def test_a_plan_that_was_swapped_meanwhile_is_not_swapped_back(acme: Firm) -> None:
    acme.register.script = [Scene.AWAY]
    await acme.joins("ann")
    await acme.works(seconds=10)
    [item] = acme.register.states["sub_1"].items
    acme.register.changes("sub_1", items=(replace(item, price_id="price_yearly"),))

    for _ in range(3):
        await acme.works(seconds=70)

    [item] = acme.register.states["sub_1"].items
    assert (item.price_id, item.quantity) == ("price_yearly", 2)
    assert await acme.quantities() == (2, 2)


async def test_a_plan_that_no_longer_follows_is_left_alone(acme: Firm) -> None:
    acme.register.script = [Scene.AWAY]
    await acme.joins("ann")
    await acme.works(seconds=10)
    [item] = acme.register.states["sub_1"].items
    acme.register.changes("sub_1", items=(replace(item, price_id="price_flat"),))

    for _ in range(3):
        await acme.works(seconds=70)

    assert len(acme.register.calls) == 1
    assert await acme.quantities() == (1, 1)


async def test_a_subscription_that_has_ended_meanwhile_is_heard_of_and_left_alone(acme: Firm) -> None:
    await acme.joins("ann")
    acme.register.changes("sub_1", status=Status.CANCELED, ended_at=acme.clock.now())

    for _ in range(3):
        await acme.works(seconds=70)

    assert len(acme.register.calls) == 1
    assert (await acme.row()).status is Status.CANCELED
    assert await acme.waiting() == []
    assert await scalar(acme.database, FOLLOWED) == 0


async def test_a_subscription_that_its_processor_has_lost_ends(acme: Firm) -> None:
    acme.register.script = [Scene.AWAY]
    await acme.joins("ann")
    await acme.works(seconds=10)
    del acme.register.states["sub_1"]

    await acme.works(seconds=70)

    assert (await acme.row()).status is Status.CANCELED
    assert await acme.open_intents() == []


async def test_an_answer_that_shows_another_quantity_is_asked_for_again_and_ever_more_seldom(acme: Firm) -> None:
    held_back = acme.register.states["sub_1"].items
    acme.register.script = [Scene.LOSES] * 100
    await acme.joins("ann")

    for _ in range(120):
        await acme.works(seconds=60)
        # Whatever is done is undone, as by a change that is pending until somebody has paid.
        acme.register.changes("sub_1", items=held_back)

    assert len(acme.register.calls) <= 16
    assert await scalar(acme.database, FOLLOWED) == 0


async def test_a_hundred_comings_and_goings_end_in_the_right_quantity_with_few_calls(acme: Firm) -> None:
    names = [f"user{number}" for number in range(60)]
    working = True

    async def work() -> None:
        while working:
            await acme.round()
            await asyncio.sleep(0.01)

    workers = [asyncio.create_task(work()) for _ in range(2)]
    for wave in range(5):
        come = [acme.joins(name) for name in names[wave * 12 : wave * 12 + 12]]
        go = [acme.leaves(name) for name in names[wave * 12 - 12 : wave * 12 - 2]] if wave else []
        await asyncio.gather(*come, *go)
        acme.clock.forward(seconds=3)
    working = False
    await asyncio.gather(*workers)
    await acme.works(seconds=10)

    assert await acme.house.usage(acme.organization) == replace(
        await acme.house.usage(acme.organization), used=1 + 60 - 40
    )
    assert (await acme.quantities())[0] == (await acme.quantities())[1]
    assert len(acme.register.calls) <= 3
    await acme.works(days=29, hours=23, minutes=30)
    assert await acme.quantities() == (21, 21)
    assert len(acme.register.calls) <= 4

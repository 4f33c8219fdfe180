"""The Fake misbehaves by script: each fault hits once, in order, and does what it says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.billing import lifecycle
from domain.billing.processors import ProcessorUnavailable, Purchase
from domain.billing.processors.fake import FakeProcessor, Fault, FaultKind
from domain.billing.states import Snapshot
from domain.db import Database
from domain.ids import CustomerId
from tests.support.clock import FixedClock

TEAM = [Purchase(price_id="price_team_monthly", quantity=7)]


@pytest.fixture
async def fake(database: Database, clock: FixedClock) -> AsyncIterator[FakeProcessor]:
    fake = FakeProcessor(database=database, clock=clock, webhook_secrets=["whsec_1"])
    yield fake
    await fake.aclose()


@pytest.fixture
async def bought(fake: FakeProcessor) -> Snapshot:
    return (await fake.subscribe("cus_fake_1", TEAM, key="buy:1")).snapshot


async def end(fake: FakeProcessor, bought: Snapshot, key: str = "end:1") -> bool:
    """Cancel, and say whether the answer shows an end."""
    said = await fake.cancel(bought.processor_id, at_period_end=False, at=None, key=key)
    return lifecycle.ended(said.state)


async def has_ended(fake: FakeProcessor, bought: Snapshot) -> bool:
    found = await fake.fetch(bought.processor_id)
    assert found is not None
    return lifecycle.ended(found.state)


@pytest.mark.parametrize(
    ("kind", "answered", "is_done"),
    [
        (FaultKind.ERROR_500, True, False),
        (FaultKind.ERROR_429, True, False),
        (FaultKind.LOST_ANSWER, False, True),
    ],
)
async def test_without_an_answer_the_deed_is_done_or_not(
    fake: FakeProcessor, bought: Snapshot, kind: FaultKind, answered: bool, is_done: bool
) -> None:
    fake.script([Fault(kind=kind)])

    with pytest.raises(ProcessorUnavailable) as unavailable:
        await end(fake, bought)

    assert unavailable.value.answered is answered
    assert await has_ended(fake, bought) is is_done
    assert await end(fake, bought)


async def test_an_answer_can_be_about_nothing_done_and_its_key_repeats_it(
    fake: FakeProcessor, bought: Snapshot
) -> None:
    fake.script([Fault(kind=FaultKind.NOT_DONE)])

    said = [await end(fake, bought), await end(fake, bought), await end(fake, bought, key="end:2")]

    assert said == [False, False, True]


async def test_an_answer_can_come_late(fake: FakeProcessor, bought: Snapshot) -> None:
    fake.script([Fault(kind=FaultKind.HANG, seconds=0.2)])

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await end(fake, bought)

    assert not await has_ended(fake, bought)


async def test_faults_hit_in_order_each_once_the_operation_that_they_name(
    fake: FakeProcessor, bought: Snapshot
) -> None:
    fake.script(
        [
            Fault(kind=FaultKind.ERROR_500, operation="resume"),
            Fault(kind=FaultKind.NOT_DONE),
            Fault(kind=FaultKind.ERROR_429),
            Fault(kind=FaultKind.LOST_ANSWER, operation="create_customer"),
        ]
    )

    with pytest.raises(ProcessorUnavailable, match="ERROR_429"):
        await fake.fetch(bought.processor_id)
    ended = await end(fake, bought)
    with pytest.raises(ProcessorUnavailable, match="ERROR_500"):
        await fake.resume(bought.processor_id, key="back:1")
    with pytest.raises(ProcessorUnavailable, match="LOST_ANSWER"):
        await fake.create_customer(CustomerId("cst_1"), key="customer:1")
    calm = await fake.create_customer(CustomerId("cst_1"), key="customer:1")

    assert not ended
    assert calm.startswith("cus_fake_")


async def test_an_empty_script_clears_what_waits(fake: FakeProcessor, bought: Snapshot) -> None:
    fake.script([Fault(kind=FaultKind.ERROR_500)] * 3)

    fake.script([])

    assert await end(fake, bought)


def test_what_would_have_nothing_to_answer_with_is_no_fault(database: Database, clock: FixedClock) -> None:
    fake = FakeProcessor(database=database, clock=clock, webhook_secrets=["whsec_1"])

    with pytest.raises(ValueError, match="subscribe"):
        fake.script([Fault(kind=FaultKind.NOT_DONE, operation="subscribe")])


async def test_a_fault_without_a_name_waits_for_a_command_and_not_for_what_the_worker_lists(
    fake: FakeProcessor, bought: Snapshot
) -> None:
    fake.script([Fault(kind=FaultKind.ERROR_500)])

    assert [found.processor_id async for found in fake.list_subscriptions()] == [bought.processor_id]
    with pytest.raises(ProcessorUnavailable):
        await end(fake, bought)


async def test_a_list_fails_when_a_fault_names_it(fake: FakeProcessor) -> None:
    fake.script([Fault(kind=FaultKind.ERROR_500, operation="list_subscriptions")])

    with pytest.raises(ProcessorUnavailable):
        [found async for found in fake.list_subscriptions()]

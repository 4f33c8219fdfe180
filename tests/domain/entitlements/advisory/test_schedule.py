"""When everybody is read by itself: once for each start, and when news was lost; one process at a time."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.billing import ProcessorName, Reconciling
from domain.billing.processors import ProcessorUnavailable
from domain.billing.reconciling import hurry
from domain.billing.reconciling.models import EventCursor
from domain.entitlements.advisory import Pulling
from domain.entitlements.advisory.schedule import TURN
from tests.support.granting import TYPE, House, body
from tests.support.tables import dump, execute


async def until_done(pulling: Pulling) -> None:
    """Let the run whose turn it is, if any, come to its end."""
    await pulling.run_due()
    while pulling._running is not None:
        await pulling.run_due()


async def test_each_start_reads_everybody_once_and_time_alone_does_not(house: House) -> None:
    await house.customer("space")
    first = house.pulling()

    await until_done(first)
    house.clock.forward(days=3)
    await until_done(first)
    assert house.stripe.asked == ["cus_1"]
    await until_done(house.pulling())

    assert house.stripe.asked == ["cus_1", "cus_1"]


async def test_processes_that_start_together_read_once(house: House) -> None:
    await house.customer("space")
    one, other = house.pulling(), house.pulling()

    await asyncio.gather(until_done(one), until_done(other))
    await until_done(house.pulling())

    assert house.stripe.asked == ["cus_1"]


async def test_what_has_failed_is_tried_again_when_stripe_wants_to_be_asked(house: House) -> None:
    customers = [await house.customer("space", account=f"cus_{number:02}") for number in range(10)]
    house.stripe.fails = {account: [ProcessorUnavailable(retry_after=900)] for account in house.stripe.grants}
    pulling = house.pulling()
    await until_done(pulling)
    asked = len(house.stripe.asked)
    house.clock.forward(minutes=14)
    await until_done(pulling)
    assert len(house.stripe.asked) == asked
    house.stripe.fails.clear()
    house.clock.forward(minutes=2)

    await until_done(pulling)

    assert [await house.known(each) for each in customers] == [(["space"], True, "pull")] * 10


async def test_who_is_asked_for_while_everybody_is_read_is_read_once_more(house: House) -> None:
    await house.customer("space")
    pulling = house.pulling()

    async def meanwhile() -> None:
        house.stripe.meanwhile = None
        async with house.services.database.transaction() as session:
            await hurry(session, TURN, at=house.clock.now())

    house.stripe.meanwhile = meanwhile
    for _ in range(3):
        await until_done(pulling)

    assert house.stripe.asked == ["cus_1", "cus_1"]


async def test_a_process_that_dies_while_it_reads_is_followed_by_another(house: House) -> None:
    await house.customer("space")
    dying, heir = house.pulling(), house.pulling()
    house.stripe.meanwhile = asyncio.Event().wait  # type: ignore[assignment]  # it never comes back
    await dying.run_due()
    assert dying._running is not None
    house.stripe.meanwhile = None
    await until_done(heir)
    asked = list(house.stripe.asked)
    house.clock.forward(minutes=6)

    await until_done(heir)

    assert (asked, house.stripe.asked) == (["cus_1"], ["cus_1", "cus_1"])
    await dying.aclose()


@pytest.mark.parametrize(("type", "again"), [(TYPE, 1), ("invoice.paid", 0)])
async def test_everybody_is_read_when_an_event_of_entitlements_is_given_up(house: House, type: str, again: int) -> None:
    await house.customer("space")
    pulling = house.pulling()
    await until_done(pulling)
    sent = body("evt_1", house.clock.now(), "space").replace(b'"data": [', b'"data": [7, ')
    await house.post(sent.replace(f'"type": "{TYPE}"'.encode(), f'"type": "{type}"'.encode()))
    await execute(house.services.database, "UPDATE webhook_events SET attempts = 24")
    house.clock.forward(hours=1)

    await house.services.inbox.retry_due()
    await until_done(pulling)

    [event] = (await dump(house.services.database))["webhook_events"]
    assert "dead" in event
    assert house.stripe.asked == ["cus_1"] * (1 + again)


def reconciling(house: House) -> Reconciling:
    return replace(house.services.reconciling, processors={ProcessorName.STRIPE: house.stripe})


async def test_whom_a_lost_event_was_about_is_read_after_it_has_been_taken_in(house: House) -> None:
    customer = await house.customer("one", "two", "three")
    await house.customer("space", account="cus_2")
    await reconciling(house).catch_up()
    house.stripe.events = [body("evt_1", house.clock.now(), "one"), body("evt_2", house.clock.now(), account="cus_9")]
    house.clock.forward(minutes=20)

    await reconciling(house).catch_up()
    taken_in = await house.known(customer)
    [owed] = (await dump(house.services.database))["outbox_messages"]
    pulls = house.pulls()
    await pulls.deliver({"processor": "stripe", "livemode": False, "account": "cus_1"})

    assert taken_in == (["one"], True, "webhook")
    assert "stripe:cus_1" in owed
    assert house.stripe.asked == ["cus_1"]
    assert await house.known(customer) == (["one", "three", "two"], True, "pull")


async def test_when_events_are_too_old_to_be_listed_everybody_is_read(house: House) -> None:
    await house.customer("space")
    pulling = house.pulling()
    await until_done(pulling)
    async with house.services.database.transaction() as session:
        read_until = house.clock.now() - timedelta(days=31)
        session.add(EventCursor(processor=ProcessorName.STRIPE, livemode=False, read_until=read_until))

    await reconciling(house).catch_up()
    await until_done(pulling)
    await reconciling(house).catch_up()
    house.clock.forward(minutes=1)
    await until_done(pulling)

    assert house.stripe.asked == ["cus_1", "cus_1"]

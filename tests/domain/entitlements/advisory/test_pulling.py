"""Reading in full: what it heals, what it never overwrites, and what a Stripe that fails leaves as it was."""

from datetime import timedelta

import pytest

from domain import outbox
from domain.billing.processors import ProcessorRefused, ProcessorUnavailable
from domain.entitlements.advisory.pulling import REST, SILENT, Pulls
from domain.errors import UpstreamUnavailable
from tests.support.granting import House
from tests.support.tables import dump, execute, unchanged


async def ledger(house: House) -> int:
    rows = (await dump(house.services.database))["audit_events"]
    return sum("entitlements.summary.synced" in row for row in rows)


async def delivered(house: House, pulls: Pulls) -> int:
    """Carry out what is owed, and say how many were tried."""
    return await outbox.deliver_due(house.services.database, house.clock, {pulls.TOPIC: pulls.deliver})


async def owed(house: House) -> int:
    return len((await dump(house.services.database))["outbox_messages"])


async def test_everybody_is_read_however_many_there_are(house: House) -> None:
    customers = [await house.customer(f"key_{number}", account=f"cus_{number:03}") for number in range(105)]
    beats: list[tuple[int, int | None]] = []

    async def beat(done: int, of: int | None) -> None:
        beats.append((done, of))

    pulled = await house.pulls().everybody(beat=beat)

    assert (pulled.customers, pulled.changed, pulled.unknown, pulled.owed) == (105, 105, [], [])
    assert sorted(house.stripe.asked) == [f"cus_{number:03}" for number in range(105)]
    assert beats[-1] == (105, 105)
    assert await house.known(customers[104]) == (["key_104"], True, "pull")


async def test_a_second_reading_changes_nothing_but_when_it_was_read(house: House) -> None:
    customer = await house.customer("space")
    await house.pulls().everybody()
    house.clock.forward(minutes=1)

    pulled = await house.pulls().everybody()

    row = await house.row(customer)
    assert row is not None
    assert (pulled.customers, pulled.changed, row.observed_at) == (1, 0, house.clock.now())
    assert await ledger(house) == 1


async def test_what_a_webhook_has_not_shown_is_read_once_its_second_is_over(house: House) -> None:
    keys = [f"key_{number:02}" for number in range(25)]
    customer = await house.customer(*keys)
    await house.hears("evt_1", *keys[:10], complete=False)
    pulls = house.pulls()
    assert (await delivered(house, pulls), await house.known(customer)) == (0, (keys[:10], False, "webhook"))
    house.clock.forward(seconds=1)

    await delivered(house, pulls)

    assert await house.known(customer) == (keys, True, "pull")
    assert (await owed(house), await ledger(house)) == (0, 2)


async def test_what_two_webhooks_have_not_shown_is_read_past_the_second_of_the_later_one(house: House) -> None:
    customer = await house.customer("one", "two")
    await house.hears("evt_1", "one", complete=False)
    house.clock.forward(seconds=1)
    await house.hears("evt_2", "one", complete=False)
    pulls, seen = house.pulls(), []

    for _ in range(3):
        await delivered(house, pulls)
        seen.append(await house.known(customer))
        house.clock.forward(seconds=1)

    assert seen == [(["one"], False, "webhook"), (["one", "two"], True, "pull"), (["one", "two"], True, "pull")]
    assert (len(house.stripe.asked), await owed(house)) == (2, 0)


async def test_a_webhook_that_is_older_than_the_question_is_stale_and_a_later_one_counts(house: House) -> None:
    customer = await house.customer("space")
    house.clock.forward(seconds=10)
    asked_at = house.clock.now()
    await house.pulls().everybody()
    house.clock.forward(seconds=10)

    await house.hears("evt_1", "old", at=asked_at - timedelta(seconds=1), complete=False)
    assert (await house.known(customer), await owed(house)) == ((["space"], True, "pull"), 0)
    await house.hears("evt_2", "new", at=asked_at + timedelta(seconds=1))

    assert await house.known(customer) == (["new"], True, "webhook")


async def test_what_is_told_while_stripe_is_asked_is_not_overwritten_by_the_answer(house: House) -> None:
    customer = await house.customer("old")

    async def meanwhile() -> None:
        # Nothing is locked while we wait, or this could not be written.
        house.clock.forward(seconds=2)
        await house.hears("evt_1", "new")

    house.stripe.meanwhile = meanwhile

    pulled = await house.pulls().everybody()

    assert (pulled.customers, pulled.changed) == (1, 0)
    assert await house.known(customer) == (["new"], True, "webhook")


async def test_a_customer_whom_stripe_does_not_know_keeps_the_summary_and_is_named(house: House) -> None:
    customer = await house.customer("space")
    await house.pulls().everybody()
    house.clock.forward(minutes=1)
    del house.stripe.grants["cus_1"]

    async with unchanged(house.services.database):
        pulled = await house.pulls().everybody()

    assert (pulled.unknown, await house.known(customer)) == (["cus_1"], (["space"], True, "pull"))


@pytest.mark.parametrize("error", [ProcessorUnavailable(), ProcessorRefused("no")])
async def test_whom_stripe_does_not_answer_about_keeps_the_summary_and_is_asked_about_again(
    house: House, error: Exception
) -> None:
    first, second = await house.customer("one"), await house.customer("two", account="cus_2")
    await house.pulls().everybody()
    house.stripe.grants = {"cus_1": ["three"], "cus_2": ["four"]}
    house.stripe.fails["cus_1"] = [error]
    house.clock.forward(minutes=1)

    pulls = house.pulls()
    pulled = await pulls.everybody()

    assert (pulled.customers, pulled.changed, pulled.owed) == (1, 1, ["cus_1"])
    assert [await house.known(each) for each in (first, second)] == [(["one"], True, "pull"), (["four"], True, "pull")]
    house.clock.forward(seconds=REST.total_seconds())
    await delivered(house, pulls)
    assert (await house.known(first), await owed(house)) == ((["three"], True, "pull"), 0)


async def test_a_stripe_that_is_silent_about_many_in_a_row_is_asked_no_further(house: House) -> None:
    for number in range(SILENT + 6):
        account = f"cus_{number:02}"
        await house.customer("space", account=account)
        house.stripe.fails[account] = [ProcessorUnavailable(retry_after=900)]

    with pytest.raises(UpstreamUnavailable) as caught:
        await house.pulls().everybody()

    assert caught.value.retry_after_seconds == 900
    assert len(house.stripe.asked) <= SILENT + 3
    assert (await dump(house.services.database))["entitlement_summaries"] == []


async def test_after_a_silence_nobody_is_asked_about_for_as_long_as_stripe_wants(house: House) -> None:
    await house.customer("one")
    await house.customer("two", account="cus_2")
    house.stripe.fails["cus_1"] = [ProcessorUnavailable(retry_after=60)]
    pulls = house.pulls()
    for account in ("cus_1", "cus_2"):
        async with house.services.database.transaction() as session:
            payload = {"processor": "stripe", "livemode": False, "account": account}
            await outbox.put(session, topic=pulls.TOPIC, key=account, payload=payload, at=house.clock.now())

    await delivered(house, pulls)
    asked_at_first = list(house.stripe.asked)
    for _ in range(4):
        house.clock.forward(seconds=20)
        await delivered(house, pulls)

    assert (asked_at_first, sorted(house.stripe.asked)) == (["cus_1"], ["cus_1", "cus_1", "cus_2"])
    assert await owed(house) == 0


async def test_what_is_owed_of_another_mode_or_of_nobody_is_let_go(house: House) -> None:
    await house.customer("one")
    pulls = house.pulls()
    async with house.services.database.transaction() as session:
        for livemode, account in ((True, "cus_1"), (False, "cus_of_nobody")):
            payload = {"processor": "stripe", "livemode": livemode, "account": account}
            await outbox.put(session, topic=pulls.TOPIC, key=account, payload=payload, at=house.clock.now())

    await delivered(house, pulls)

    assert (house.stripe.asked, await owed(house)) == ([], 0)


async def test_customers_of_another_mode_are_not_read(house: House) -> None:
    await house.customer("one")
    await execute(house.services.database, "UPDATE processor_accounts SET livemode = NOT livemode")

    pulled = await house.pulls().everybody()

    assert (pulled.customers, house.stripe.asked) == (0, [])

"""Time passes at the Fake: trials end, periods renew, payments fail and are tried again, and each is told."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.billing.processors import Purchase
from domain.billing.processors.fake import Card, Exhausted, FakeProcessor, Terms, TrialWithoutCard
from domain.billing.processors.fake.calendar import end_of_period
from domain.billing.states import PauseBehavior, Snapshot, Status
from domain.db import Database
from tests.support.clock import FixedClock

DAY = 86400
PRO = [Purchase(price_id="price_pro_monthly", quantity=1)]
YEAR = [Purchase(price_id="price_pro_yearly", quantity=1)]
TRIAL = [Purchase(price_id="price_trial_monthly", quantity=1)]


def fake_with(database: Database, clock: FixedClock, terms: Terms | None = None) -> FakeProcessor:
    return FakeProcessor(database=database, clock=clock, webhook_secrets=["whsec_1"], terms=terms)


@pytest.fixture
async def fake(database: Database, clock: FixedClock) -> FakeProcessor:
    return fake_with(database, clock)


async def buy(fake: FakeProcessor, items: list[Purchase] = PRO) -> str:
    if items is TRIAL:
        await fake.set_price("price_trial_monthly", unit_amount=1000, trial_days=14)
    return (await fake.subscribe("cus_1", items, key="buy:1")).snapshot.processor_id


async def held(fake: FakeProcessor, id: str) -> Snapshot:
    found = await fake.fetch(id)
    assert found is not None
    return found


async def told(fake: FakeProcessor, clock: FixedClock) -> list[tuple[str, int]]:
    """Read every event: its type, and on which day it happened."""
    start = int(clock.now().timestamp())
    events = [json.loads(body) async for body in fake.list_events(since=clock.now() - timedelta(days=1))]
    return [
        (event["type"].removeprefix("customer.subscription."), (event["created"] - start) // DAY)
        for event in events
        if not event["type"].startswith("customer.updated")
    ]


class TestPeriods:
    async def test_a_month_and_a_year_are_those_of_the_calendar(self, fake: FakeProcessor, clock: FixedClock) -> None:
        clock.forward(days=69)  # 2027-01-29
        monthly = await buy(fake)
        yearly = (await fake.subscribe("cus_1", YEAR, key="buy:2")).snapshot.processor_id

        ends = []
        for days in (0, 31, 28):
            await fake.advance(days * DAY)
            ends.append((await held(fake, monthly)).state.items[0].current_period_end)

        assert [end and (end.month, end.day) for end in ends] == [(2, 28), (3, 29), (4, 29)]
        end = (await held(fake, yearly)).state.items[0].current_period_end
        assert end == datetime(2028, 1, 29, 12, tzinfo=UTC)

    @given(
        days=st.integers(18262, 21915),
        interval=st.sampled_from(["day", "week", "month", "year"]),
        count=st.integers(1, 3),
        periods=st.integers(1, 30),
    )
    def test_periods_follow_each_other_without_end_and_keep_the_day(
        self, days: int, interval: str, count: int, periods: int
    ) -> None:
        first = datetime.fromtimestamp(days * DAY, UTC)
        anchor = start = days * DAY
        longest = {"day": 1, "week": 7, "month": 31, "year": 366}[interval] * count * DAY

        for _ in range(periods):
            end = end_of_period(start, anchor=anchor, interval=interval, count=count)
            assert start < end <= start + longest
            start = end

        if interval in {"month", "year"}:
            assert datetime.fromtimestamp(start, UTC).day == first.day or first.day > 28

    async def test_each_renewal_is_told_and_paid(self, fake: FakeProcessor, clock: FixedClock) -> None:
        await buy(fake)

        assert await fake.advance(62 * DAY) == 2

        assert await told(fake, clock) == [
            ("created", 0),
            ("invoice.paid", 0),
            ("updated", 30),
            ("invoice.paid", 30),
            ("updated", 61),
            ("invoice.paid", 61),
        ]


class TestOrder:
    async def test_what_fell_due_before_a_command_happens_before_it(
        self, fake: FakeProcessor, clock: FixedClock
    ) -> None:
        id = await buy(fake)
        start = clock.now()
        clock.forward(days=31)

        unseen = await fake.fetch(id)
        listed = [one async for one in fake.list_subscriptions("cus_1")]
        before = [json.loads(body)["type"] async for body in fake.list_events(since=start)]
        await fake.cancel(id, at_period_end=True, at=None, key="end:1")

        events = [json.loads(body) async for body in fake.list_events(since=start)]
        assert [unseen] == listed
        assert unseen is not None
        assert unseen.state.items[0].current_period_start == start + timedelta(days=30)
        assert len(before) == 2
        assert [event["created"] for event in events] == sorted(event["created"] for event in events)
        assert (
            events[-1]["data"]["object"]["cancel_at"]
            == events[-1]["data"]["object"]["items"]["data"][0]["current_period_end"]
        )

    async def test_a_card_is_new_only_for_what_falls_due_later(self, fake: FakeProcessor, clock: FixedClock) -> None:
        id = await buy(fake)
        clock.forward(days=31)

        await fake.set_card("cus_1", Card.DECLINED)

        assert (await held(fake, id)).state.status is Status.ACTIVE


class TestTrials:
    async def test_a_trial_is_announced_three_days_before_its_end_and_then_paid(
        self, fake: FakeProcessor, clock: FixedClock
    ) -> None:
        id = await buy(fake, TRIAL)
        during = await held(fake, id)
        await fake.advance(15 * DAY)

        after = await held(fake, id)
        assert (during.state.status, after.state.status) == (Status.TRIALING, Status.ACTIVE)
        assert during.state.trial_end == clock.now() + timedelta(days=14)
        assert after.state.items[0].current_period_start == during.state.trial_end
        assert await told(fake, clock) == [
            ("created", 0),
            ("invoice.paid", 0),
            ("trial_will_end", 11),
            ("updated", 14),
            ("invoice.paid", 14),
        ]

    @pytest.mark.parametrize(
        ("outcome", "status", "last"),
        [
            (TrialWithoutCard.PAUSED, Status.PAUSED, ("paused", 14)),
            (TrialWithoutCard.PAST_DUE, Status.PAST_DUE, ("invoice.payment_failed", 14)),
            (TrialWithoutCard.CANCELED, Status.CANCELED, ("deleted", 14)),
        ],
    )
    async def test_without_a_card_it_ends_as_the_terms_say(
        self, database: Database, clock: FixedClock, outcome: TrialWithoutCard, status: Status, last: tuple[str, int]
    ) -> None:
        fake = fake_with(database, clock, Terms(trial_without_card=outcome))
        await fake.set_card("cus_1", Card.MISSING)
        id = await buy(fake, TRIAL)

        await fake.advance(15 * DAY)

        assert (await held(fake, id)).state.status is status
        assert (await told(fake, clock))[-1] == last

    async def test_what_was_paused_goes_on_with_a_new_period_once_it_is_paid_for(
        self, database: Database, clock: FixedClock
    ) -> None:
        fake = fake_with(database, clock, Terms(trial_without_card=TrialWithoutCard.PAUSED))
        await fake.set_card("cus_1", Card.MISSING)
        id = await buy(fake, TRIAL)
        await fake.advance(40 * DAY)
        await fake.set_card("cus_1", Card.GOOD)

        back = await fake.unpause(id, key="unpause:1")

        assert back.state.status is Status.ACTIVE
        assert back.state.items[0].current_period_start == await fake.now()
        assert (await told(fake, clock))[-2:] == [("resumed", 40), ("invoice.paid", 40)]

    async def test_a_trial_that_is_to_end_ends_unpaid(self, fake: FakeProcessor, clock: FixedClock) -> None:
        id = await buy(fake, TRIAL)
        await fake.cancel(id, at_period_end=True, at=None, key="end:1")

        await fake.advance(20 * DAY)

        assert (await told(fake, clock))[-1] == ("deleted", 14)
        assert ("invoice.paid", 14) not in await told(fake, clock)


class TestFailedPayments:
    async def test_it_is_tried_again_to_the_end_and_then_canceled(self, fake: FakeProcessor, clock: FixedClock) -> None:
        id = await buy(fake)
        await fake.set_card("cus_1", Card.DECLINED)

        await fake.advance(90 * DAY)

        ended = await held(fake, id)
        assert ended.state.status is Status.CANCELED
        assert (await told(fake, clock))[2:] == [
            ("updated", 30),
            ("invoice.payment_failed", 30),
            ("updated", 33),
            ("invoice.payment_failed", 33),
            ("updated", 38),
            ("invoice.payment_failed", 38),
            ("deleted", 45),
            ("invoice.payment_failed", 45),
        ]

    @pytest.mark.parametrize("exhausted", [Exhausted.UNPAID, Exhausted.PAST_DUE])
    async def test_or_it_stays_as_the_terms_say_until_it_is_paid_by_hand(
        self, database: Database, clock: FixedClock, exhausted: Exhausted
    ) -> None:
        fake = fake_with(database, clock, Terms(retry_days=(1,), exhausted=exhausted))
        id = await buy(fake)
        await fake.set_card("cus_1", Card.DECLINED)
        await fake.advance(40 * DAY)
        left = (await held(fake, id)).state.status
        await fake.set_card("cus_1", Card.GOOD)

        paid = await fake.collect(id)

        assert left == exhausted.value
        assert paid.state.status is Status.ACTIVE
        assert (await told(fake, clock))[-1] == ("invoice.paid", 40)

    async def test_a_new_card_is_charged_with_the_next_attempt(self, fake: FakeProcessor, clock: FixedClock) -> None:
        id = await buy(fake)
        await fake.set_card("cus_1", Card.DECLINED)
        await fake.advance(31 * DAY)
        owing = (await held(fake, id)).state.status
        await fake.set_card("cus_1", Card.GOOD)

        await fake.advance(3 * DAY)

        assert (owing, (await held(fake, id)).state.status) == (Status.PAST_DUE, Status.ACTIVE)
        assert (await told(fake, clock))[-2:] == [("updated", 33), ("invoice.paid", 33)]

    async def test_the_attempts_are_counted_and_the_last_has_no_next(
        self, fake: FakeProcessor, clock: FixedClock
    ) -> None:
        await buy(fake)
        await fake.set_card("cus_1", Card.DECLINED)
        await fake.advance(90 * DAY)

        events = [json.loads(body) async for body in fake.list_events(since=clock.now())]
        failed = [event["data"]["object"] for event in events if event["type"] == "invoice.payment_failed"]
        assert [invoice["attempt_count"] for invoice in failed] == [1, 2, 3, 4]
        assert [bool(invoice["next_payment_attempt"]) for invoice in failed] == [True, True, True, False]
        assert len({invoice["id"] for invoice in failed}) == 1

    async def test_a_first_payment_that_fails_leaves_it_incomplete_for_23_hours(
        self, fake: FakeProcessor, clock: FixedClock
    ) -> None:
        await fake.set_card("cus_1", Card.DECLINED)
        id = await buy(fake)
        at_first = (await held(fake, id)).state.status

        await fake.advance(DAY)

        expired = (await held(fake, id)).state
        assert (at_first, expired.status) == (Status.INCOMPLETE, Status.INCOMPLETE_EXPIRED)
        assert expired.ended_at == clock.now() + timedelta(hours=23)

    async def test_what_is_incomplete_is_active_once_it_is_paid(self, fake: FakeProcessor) -> None:
        await fake.set_card("cus_1", Card.DECLINED)
        id = await buy(fake)
        await fake.set_card("cus_1", Card.GOOD)

        assert (await fake.collect(id)).state.status is Status.ACTIVE


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("advance"), st.integers(1, 60)),
            st.tuples(st.just("card"), st.sampled_from(list(Card))),
            st.tuples(st.sampled_from(["cancel", "resume", "pause", "unpause", "collect", "end"]), st.just(0)),
        ),
        max_size=8,
    ),
    trial=st.booleans(),
    exhausted=st.sampled_from(list(Exhausted)),
)
async def test_whatever_happens_the_last_event_tells_what_it_holds_true_and_nothing_falls_due_in_the_past(
    database: Database, clock: FixedClock, steps: list[tuple[str, int | Card]], trial: bool, exhausted: Exhausted
) -> None:
    fake = fake_with(database, clock, Terms(exhausted=exhausted, trial_without_card=TrialWithoutCard.PAUSED))
    await fake.set_price("price_trial_monthly", unit_amount=1000, trial_days=14)
    key = str(await fake.now())
    customer = f"cus_{key}"
    id = (await fake.subscribe(customer, TRIAL if trial else PRO, key=key)).snapshot.processor_id
    for number, (step, amount) in enumerate(steps):
        await fake.advance(int(amount) * DAY if step == "advance" else 1)
        state = (await held(fake, id)).state
        over = state.ended_at is not None
        name = f"{key}:{number}"
        match step:
            case "card":
                await fake.set_card(customer, Card(str(amount)))
            case "cancel" | "end":
                await fake.cancel(id, at_period_end=step == "cancel", at=None, key=name)
            case "resume":
                await fake.resume(id, key=name)
            case "collect":
                await fake.collect(id)
            case "pause" if not over:
                await fake.pause(id, behavior=PauseBehavior.VOID, resumes_at=None, key=name)
            case "unpause" if state.pause_collection is not None and not over:
                await fake.unpause(id, key=name)

    # A second on its own, so that whatever fell due is told.
    await fake.advance(1)
    assert await fake.advance(0) == 0
    events = [json.loads(body) async for body in fake.list_events(since=clock.now())]
    mine = [event for event in events if event["data"]["object"]["id"] == id]
    told = fake.news(fake.stored(json.dumps(mine[-1] | {"type": "customer.subscription.updated"}).encode()))
    assert told is not None
    assert told.snapshot == await held(fake, id)  # type: ignore[union-attr]  # it is a subscription's
    assert [event["created"] for event in mine] == sorted(event["created"] for event in mine)

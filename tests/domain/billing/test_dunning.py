"""What stays past due for too long is ended, once for each lapse, whatever the processor or another worker does."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from domain import outbox
from domain.billing import Fetches
from domain.billing.customers import account_of
from domain.billing.dunning import Sweeper
from domain.billing.invoices import Heard, hear
from domain.billing.lifecycle import Dunning, TerminalAction
from domain.billing.processors import Capability, Label, ProcessorUnavailable
from domain.billing.processors.news import InvoiceOutcome, InvoiceTold
from domain.billing.states import PauseBehavior, Status
from domain.db import Database, Session
from domain.scope import system
from tests.support.clock import FixedClock
from tests.support.following import FAKE, Firm, firm
from tests.support.scripted import Scene
from tests.support.tables import scalar, unchanged

DAYS = 14
ASKED = "SELECT count(*) FROM audit_events WHERE action = 'dunning.terminal_action_requested'"
BROKEN = ProcessorUnavailable("500", answered=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """An organization whose subscription is past due, and the worker's part of dunning."""

    firm: Firm
    action: TerminalAction

    def sweeper(self) -> Sweeper:
        return Sweeper(errands=self.firm.errands(), dunning=Dunning(days=DAYS, action=self.action))

    async def works(self, **later: float) -> None:
        self.firm.clock.forward(**later)
        sweeper = self.sweeper()
        deliveries = {Fetches.TOPIC: self.firm.fetches().deliver}
        while (
            await sweeper.errands.settle_lost()
            + await sweeper.sweep()
            + await outbox.deliver_due(self.firm.database, self.firm.clock, deliveries)
        ):
            pass

    async def becomes(self, status: Status) -> None:
        self.firm.clock.forward(seconds=1)
        self.firm.register.changes("sub_1", status=status, pause_collection=None)
        await self.firm.hear()

    async def hears_of_an_attempt(self, *, after: timedelta) -> None:
        now = self.firm.clock.now()
        told = InvoiceTold(
            outcome=InvoiceOutcome.FAILED,
            processor_id="in_1",
            customer_processor_id="cus_1",
            subscription_processor_id="sub_1",
            attempt_count=1,
            next_attempt_at=now + after,
        )

        async def body(session: Session) -> None:
            account = await account_of(session, customer_id=self.firm.customer.id, processor=FAKE)
            assert account is not None
            await hear(session, Heard(told=told, occurred_at=now, event_id="evt_1"), account=account, now=now)

        await self.firm.database.run(body)

    @property
    def calls(self) -> list[str]:
        return [call for call, _, _ in self.firm.register.calls]


async def debtor(database: Database, clock: FixedClock, action: TerminalAction = TerminalAction.CANCEL) -> Debtor:
    made = Debtor(firm=await firm(database, clock), action=action)
    await made.firm.buys()
    await made.becomes(Status.PAST_DUE)
    return made


@pytest.fixture
async def late(database: Database, clock: FixedClock) -> Debtor:
    """Past due since this instant; its terminal action is to cancel."""
    return await debtor(database, clock)


@pytest.mark.parametrize("by", [timedelta(microseconds=1), timedelta(seconds=1)])
async def test_it_is_cancelled_at_the_first_instant_after_its_days(late: Debtor, by: timedelta) -> None:
    asked = []
    for step in (timedelta(days=DAYS) - by, by, by):
        await late.works(seconds=step.total_seconds())
        asked.append(late.calls)

    assert asked == [[], [], ["cancel"]]
    assert (await late.firm.row()).status is Status.CANCELED
    assert await scalar(late.firm.database, ASKED) == 1
    organization = "SELECT organization_id FROM audit_events WHERE action = 'dunning.terminal_action_requested'"
    assert await scalar(late.firm.database, organization) == late.firm.organization.id


async def test_before_its_days_are_over_nothing_is_written(late: Debtor) -> None:
    async with unchanged(late.firm.database):
        await late.works(days=DAYS)


async def test_a_pause_stops_collection_and_lets_invoices_be_void(database: Database, clock: FixedClock) -> None:
    late = await debtor(database, clock, TerminalAction.PAUSE)

    await late.works(days=DAYS, seconds=1)
    await late.works(days=40)

    assert late.firm.register.asked("pause") == [PauseBehavior.VOID]
    row = await late.firm.row()
    assert row.status is Status.PAST_DUE
    assert row.current.pause_collection is not None
    assert await scalar(database, ASKED) == 1


async def test_what_somebody_has_unpaused_is_not_paused_again_in_the_same_lapse(
    database: Database, clock: FixedClock
) -> None:
    late = await debtor(database, clock, TerminalAction.PAUSE)
    await late.works(days=DAYS, seconds=1)

    await late.becomes(Status.PAST_DUE)
    await late.works(days=3)

    assert late.calls == ["pause"]


async def test_who_has_recovered_and_lapses_again_is_swept_again(database: Database, clock: FixedClock) -> None:
    late = await debtor(database, clock, TerminalAction.PAUSE)
    await late.works(days=DAYS, seconds=1)
    await late.becomes(Status.ACTIVE)
    await late.works(days=1)
    await late.becomes(Status.PAST_DUE)

    await late.works(days=DAYS)
    before = late.calls
    await late.works(seconds=1)

    assert before == ["pause"]
    assert late.calls == ["pause", "pause"]
    assert await scalar(database, ASKED) == 2


async def test_who_pays_in_time_is_left_alone(late: Debtor) -> None:
    await late.works(days=DAYS)
    await late.becomes(Status.ACTIVE)
    await late.works(days=DAYS)

    assert late.calls == []


async def test_an_announced_attempt_is_waited_for(late: Debtor) -> None:
    await late.hears_of_an_attempt(after=timedelta(days=16))
    await late.works(days=16, hours=1)
    before = late.calls

    await late.works(hours=1)

    assert before == []
    assert late.calls == ["cancel"]


async def test_what_somebody_has_paused_is_left_to_them(late: Debtor) -> None:
    late.firm.clock.forward(seconds=1)
    await late.firm.register.pause("sub_1", behavior=PauseBehavior.VOID, resumes_at=None, key="by hand")
    await late.firm.hear()

    await late.works(days=40)

    assert late.calls == ["pause"]


async def test_unpaid_is_the_processors_own_end_and_left_alone(late: Debtor) -> None:
    await late.becomes(Status.UNPAID)
    await late.works(days=40)

    assert late.calls == []


@pytest.mark.parametrize("fault", [Scene.AWAY, Scene.LOSES, Scene.REFUSES, BROKEN], ids=repr)
async def test_what_fails_is_asked_again_until_it_is_done(late: Debtor, fault: Scene | ProcessorUnavailable) -> None:
    late.firm.register.script = [fault, fault]

    await late.works(days=DAYS, seconds=1)
    for _ in range(8):
        await late.works(minutes=2)

    assert late.calls == ["cancel"] * (1 if fault is Scene.LOSES else 3)
    assert (await late.firm.row()).status is Status.CANCELED
    assert await late.firm.open_intents() == []
    assert await scalar(late.firm.database, ASKED) == 1


async def test_what_is_never_done_is_asked_for_ever_more_seldom(late: Debtor) -> None:
    late.firm.register.script = [Scene.REFUSES] * 1000

    await late.works(days=DAYS, seconds=1)
    for _ in range(240):
        await late.works(minutes=1)

    assert 5 <= len(late.calls) <= 9
    assert await scalar(late.firm.database, ASKED) == 0


async def test_who_pays_while_the_answer_is_lost_is_found_out_and_keeps_the_subscription(late: Debtor) -> None:
    late.firm.register.script = [Scene.AWAY]
    await late.works(days=DAYS, seconds=1)
    late.firm.register.changes("sub_1", status=Status.ACTIVE)

    await late.works(minutes=2)

    assert late.calls == ["cancel"]
    assert (await late.firm.row()).status is Status.ACTIVE
    assert await late.firm.open_intents() == []


async def test_two_sweepers_ask_once(late: Debtor) -> None:
    late.firm.clock.forward(days=DAYS, seconds=1)

    await asyncio.gather(*(late.sweeper().sweep() for _ in range(4)))

    assert late.calls == ["cancel"]
    assert await scalar(late.firm.database, ASKED) == 1


async def test_a_processor_that_cannot_is_not_asked_and_the_log_tells_it_once(
    database: Database, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    late = await debtor(database, clock, TerminalAction.PAUSE)
    late.firm.register.capabilities = {**late.firm.register.capabilities, Capability.PAUSE: Label.UNSUPPORTED}

    await late.works(days=DAYS, seconds=1)
    await late.works(days=3)

    assert late.calls == []
    assert [record.message for record in caplog.records if "unsupported" in record.message] == [
        f"dunning of subscription {(await late.firm.row()).id}: unsupported, fake has no subscription.pause"
    ]


async def test_what_ends_with_its_owner_is_left_to_that(late: Debtor) -> None:
    await late.firm.database.run(
        lambda session: late.firm.house.standing.delete(
            session, scope=system("test"), organization_id=late.firm.organization.id
        )
    )

    await late.works(days=DAYS, seconds=1)

    assert late.calls == []


async def test_days_beyond_the_calendar_find_nobody(late: Debtor) -> None:
    endless = Sweeper(errands=late.firm.errands(), dunning=Dunning(days=2_147_483_646, action=TerminalAction.CANCEL))

    assert await endless.sweep() == 0

"""Whatever is bought, ended, changed and delayed: once the worker is done, the mirror is what the processor holds."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from domain.billing import ProcessorName, Purchase, WebhookStatus
from domain.billing.processors import ProcessorRefused
from domain.errors import AlreadySubscribed, WrongSubscriptionState
from domain.scope import system
from tests.support.billing import events, row_counts, subscriptions
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.wired import customer_of, fake_of, organization, user, wired

PRICES = ["price_pro_monthly", "price_team_monthly", "price_seat_pack"]
SCOPE = system("test")
purchases = st.builds(Purchase, price_id=st.sampled_from(PRICES), quantity=st.integers(1, 9))
durations = st.sampled_from([0.001, 0.4, 1, 4, 7, 61, 3600])


class House(RuleBasedStateMachine):
    """One customer, the Fake, and events that may be held back as long as one likes."""

    engine: ClassVar[Sqlite]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.Runner()
        self.clock = FixedClock()
        self.services = wired(self.engine.fresh(self.folder), self.clock)
        self.fake = fake_of(self.services)
        self.held_back: list[bytes] = []
        self.customer = self.run(self._found())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        # Two readings of a real clock differ; here time must be moved.
        self.clock.forward(milliseconds=1)
        return self.loop.run(work)

    async def _found(self) -> str:
        owner = await user(self.services, "ann")
        return await customer_of(self.services, await organization(self.services, owner))

    @rule(item=purchases)
    def buy(self, item: Purchase) -> None:
        with contextlib.suppress(AlreadySubscribed):
            self.run(self.services.commands.subscribe(scope=SCOPE, customer_id=self.customer, items=[item]))

    @rule(number=st.integers(0, 9), at_period_end=st.booleans())
    def cancel(self, number: int, at_period_end: bool) -> None:
        if rows := self.run(subscriptions(self.services.database)):
            id = rows[number % len(rows)].id
            with contextlib.suppress(WrongSubscriptionState):
                self.run(
                    self.services.commands.cancel(scope=SCOPE, subscription_id=id, at_period_end=at_period_end, at=None)
                )

    @rule(number=st.integers(0, 9), item=purchases)
    def change_items_and_hold_the_event_back(self, number: int, item: Purchase) -> None:
        if rows := self.run(subscriptions(self.services.database)):
            with contextlib.suppress(ProcessorRefused):
                body = self.run(self.fake.replace_items(rows[number % len(rows)].processor_id, [item]))
                self.held_back.append(body)

    @rule(last=st.booleans())
    def let_an_event_come(self, last: bool) -> None:
        if self.held_back:
            body = self.held_back.pop(-1 if last else 0)
            self.run(self.services.inbox.receive(ProcessorName.FAKE, body, self.fake.sign(body)))

    @rule(days=st.sampled_from([1, 29, 31, 65]))
    def let_the_processors_time_pass(self, days: int) -> None:
        self.run(self.fake.advance(days * 86400))

    @rule(seconds=durations)
    def let_time_pass(self, seconds: float) -> None:
        self.clock.forward(seconds=seconds)

    @rule()
    def work(self) -> None:
        self.run(self.services.worker.round())

    def teardown(self) -> None:
        try:
            while self.held_back:
                self.let_an_event_come(last=False)
            self.run(self._settle())
            self.run(self._compare())
        finally:
            self.run(self.services.aclose())
            self.loop.close()
            shutil.rmtree(self.folder)

    async def _settle(self) -> None:
        quiet = 0
        while quiet < 2:
            self.clock.forward(hours=2)
            quiet = 0 if await self.services.worker.round() else quiet + 1

    async def _compare(self) -> None:
        rows = await subscriptions(self.services.database)
        for row in rows:
            held = await self.fake.fetch(row.processor_id)
            assert held is not None
            assert (row.current, row.fetch_owed) == (held.state, False)
        counted = await row_counts(self.services.database, ["fake_subscriptions", "outbox_messages"])
        assert counted == {"fake_subscriptions": len(rows), "outbox_messages": 0}
        told = await events(self.services.database)
        assert {event.status for event in told} <= {WebhookStatus.APPLIED, WebhookStatus.IGNORED}
        ours = [event for event in told if event.type.startswith("customer.subscription.")]
        assert {event.status for event in ours} <= {WebhookStatus.APPLIED}


def test_the_mirror_comes_to_what_the_processor_holds(sqlite: Sqlite) -> None:
    class Here(House):
        engine = sqlite

    few = settings(max_examples=12, stateful_step_count=15, deadline=None, derandomize=True)

    run_state_machine_as_test(Here, settings=few)

"""What becomes of subscriptions when their owner goes: they end, at once or with their period; or when it comes back.

The wish is the customer's `closing_at`; whoever carries it out looks at it as it is at that moment.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import exists, select

from domain import outbox
from domain.billing import lifecycle
from domain.billing.commands import Commands, Times
from domain.billing.customers import CLOSING, Customer, account_of, ask_for_closing, locked_customer
from domain.billing.intents import KEYS_LIVE, Intent, Operation, Order, give_up, intents_of, open_intent, settle
from domain.billing.processors import Processor, ProcessorRefused, ProcessorUnavailable, serving
from domain.billing.statements import Statement
from domain.billing.states import SubscriptionState
from domain.billing.subscriptions import BillingSubscription, absorb, gone, live_subscriptions
from domain.db import Session
from domain.errors import UpstreamUnavailable
from domain.scope import system

log = logging.getLogger(__name__)

FOUND_AT_ONCE = 100


class Deed(StrEnum):
    """What a subscription needs to be where its customer's closing wants it."""

    END = auto()
    END_WITH_PERIOD = auto()
    TAKE_BACK = auto()


def deed_for(state: SubscriptionState, *, closing_at: datetime | None, ours: bool, now: datetime) -> Deed | None:
    """Say what is to be done with a subscription; `ours`: that it is ending is our doing."""
    if lifecycle.ended(state):
        return None
    if closing_at is None:
        return Deed.TAKE_BACK if ours and lifecycle.ending(state) else None
    if closing_at <= now:
        return Deed.END
    return None if lifecycle.ending(state) else Deed.END_WITH_PERIOD


def done(deed: Deed, state: SubscriptionState) -> bool:
    """Say whether an answer shows that a deed is done; what has ended needs no deed any more."""
    if lifecycle.ended(state):
        return True
    match deed:
        case Deed.END:
            return False
        case Deed.END_WITH_PERIOD:
            return lifecycle.ending(state)
        case Deed.TAKE_BACK:
            return not lifecycle.ending(state)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One deed on one subscription, and the intent under which it is asked for; None where it cannot be asked for here.

    The intent's key holds until anything new is known of the subscription, or the processor has forgotten it.
    """

    deed: Deed
    row: BillingSubscription
    intent: Intent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Brings the subscriptions of customers to where their closing wants them. No transaction while it asks."""

    TOPIC: ClassVar[str] = CLOSING

    commands: Commands

    async def find_due(self) -> int:
        """Have those customers seen to whose time has come and who still have live subscriptions; say how many."""
        return await self.commands.database.run(self._find_due)

    async def deliver(self, payload: dict[str, Any]) -> None:
        """See to one customer as it is now: the outbox's handler for TOPIC.

        Raises:
            UpstreamUnavailable: not everything is where it should be; the outbox tries again.
        """
        times = {name: await processor.now() for name, processor in self.commands.processors.items()}
        tasks = await self.commands.database.run(partial(self._tasks, payload["customer_id"], times))
        left = [task for task in tasks if not await self._do(task)]
        if left:
            raise UpstreamUnavailable

    async def _find_due(self, session: Session) -> int:
        now = self.commands.clock.now()
        live = exists().where(
            BillingSubscription.customer_id == Customer.id,
            BillingSubscription.status.not_in(lifecycle.ENDED_STATUSES),
        )
        waits = exists().where(
            outbox.OutboxMessage.topic == CLOSING,
            outbox.OutboxMessage.key == Customer.id,
            outbox.OutboxMessage.due_at.is_not(None),
        )
        query = select(Customer.id).where(Customer.closing_at <= now, live, ~waits).limit(FOUND_AT_ONCE)
        found = (await session.execute(query.with_for_update(skip_locked=True, key_share=True))).scalars().all()
        asked = [id for id in found if await live_subscriptions(session, id)]
        for customer_id in asked:
            await ask_for_closing(session, customer_id, now=now)
        return len(asked)

    async def _tasks(self, customer_id: str, times: Times, session: Session) -> list[_Task]:
        """Decide what is to be done, and remember which ends are our doing before anybody is asked for them."""
        customer = await locked_customer(session, customer_id)
        assert customer is not None, "customers are kept for ever"
        now, tasks = self.commands.clock.now(), []
        for row in await live_subscriptions(session, customer.id):
            ours = row.closing_since is not None
            deed = deed_for(row.current, closing_at=customer.closing_at, ours=ours, now=now)
            if deed is Deed.END_WITH_PERIOD:
                row.closing_since = row.closing_since or now
            elif customer.closing_at is None and deed is None:
                row.closing_since = None
            if deed is not None:
                tasks.append(_Task(deed=deed, row=row, intent=await self._intent(session, row, deed, times)))
        return tasks

    async def _intent(self, session: Session, row: BillingSubscription, deed: Deed, times: Times) -> Intent | None:
        """Find the intent of a deed that was asked for before and not answered, or write a new one down.

        Any other that nobody came back to is given up: what it asked for is wanted no more, or its key is forgotten.
        """
        now, wanted = self.commands.clock.now(), f"close:{row.id}:{row.version}:{deed}"
        known = await intents_of(session, row.customer_id, f"close:{row.id}:")
        for intent in (one for one in known if one.settled_at is None):
            if intent.key.rpartition(":")[0] == wanted and intent.opened_at > now - KEYS_LIVE:
                intent.attempts += 1
                return intent
            await give_up(session, intent.key, now=now, failure="overtaken")
        if serving(self.commands.processors, row.processor, livemode=row.livemode) is None:
            return None
        order = Order(
            operation=Operation.RESUME if deed is Deed.TAKE_BACK else Operation.CANCEL,
            customer_id=row.customer_id,
            processor=row.processor,
            request={"processor_id": row.processor_id, "deed": deed},
            processor_time=times[row.processor],
            subscription_id=row.id,
        )
        key = f"{wanted}:{len(known)}"
        return await open_intent(session, order, key=key, scope=system("worker"), now=now, own=True)

    async def _do(self, task: _Task) -> bool:
        """Ask the processor for one deed and write down its answer; no when it is not done."""
        if task.intent is None:
            log.warning("subscription %s: its processor is not configured here", task.row.id)
            return False
        try:
            said = await self._asked(self.commands.processors[task.row.processor], task, task.intent)
        except (ProcessorUnavailable, ProcessorRefused) as error:
            log.info("%s of subscription %s postponed: %s", task.deed, task.row.id, type(error).__name__)
            return False
        if said is None:
            # It does not renew either; whether it is over is asked when the owner is gone for good.
            now, key = self.commands.clock.now(), task.intent.key
            await self.commands.database.run(partial(give_up, key=key, now=now, failure="not there"))
            return True
        await self.commands.database.run(partial(self._record, task, task.intent.key, said))
        return done(task.deed, said.snapshot.state)

    async def _asked(self, processor: Processor, task: _Task, intent: Intent) -> Statement | None:
        """Ask for a deed; a repeated request gets the answer to the first one. None: there is nothing to do it to.

        What is not there can neither be ended nor taken back; whether it is there, only looking tells.
        """
        id, asked_at, processor_time = task.row.processor_id, self.commands.clock.now(), await processor.now()
        try:
            if task.deed is Deed.TAKE_BACK:
                snapshot = await processor.resume(id, key=intent.key)
            else:
                with_period = task.deed is Deed.END_WITH_PERIOD
                snapshot = await processor.cancel(id, at_period_end=with_period, at=None, key=intent.key)
        except ProcessorRefused:
            asked_at, processor_time = self.commands.clock.now(), await processor.now()
            found = await processor.fetch(id)
            if found is None and task.deed is not Deed.END:
                return None
            found = found or gone(task.row, asked_at)
            return Statement.fetched(found, asked_at=asked_at, processor_time=processor_time)
        if intent.attempts > 1:
            asked_at, processor_time = intent.opened_at, intent.processor_time
        return Statement.answered(snapshot, key=intent.key, asked_at=asked_at, processor_time=processor_time)

    async def _record(self, task: _Task, key: str, said: Statement, session: Session) -> None:
        now = self.commands.clock.now()
        customer = await locked_customer(session, task.row.customer_id)
        account = await account_of(session, customer_id=task.row.customer_id, processor=task.row.processor)
        assert customer is not None, "customers are kept for ever"
        assert account is not None, "who has a subscription has an account"
        row = await absorb(session, said, account=account, scope=system("worker"), now=now)
        if not done(task.deed, said.snapshot.state):
            await give_up(session, key, now=now, failure="not done")
        else:
            await settle(session, key, now=now, answer={"subscription_id": row.id})
            row.closing_since = None if task.deed is Deed.TAKE_BACK else row.closing_since or now
        ours = row.closing_since is not None
        if deed_for(row.current, closing_at=customer.closing_at, ours=ours, now=now) not in {None, task.deed}:
            # The owner has come back, or gone for good, while we asked.
            await ask_for_closing(session, customer.id, now=now)

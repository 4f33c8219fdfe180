"""What the worker asks of a processor by itself: one request at a time for each subscription, never in a transaction.

Every request is an intent, leased to whoever opened it. What became of one that a crash or a silent processor left open
is found out by looking, never by sending it again: what it asked for may be wanted no more.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select

from domain import audit
from domain.billing import lifecycle
from domain.billing.commands import ask_for_change
from domain.billing.customers import account_of, locked_customer
from domain.billing.fetches import ask_to_fetch
from domain.billing.intents import LEASE, Intent, Operation, Order, give_up, open_intent, settle
from domain.billing.lifecycle import TerminalAction
from domain.billing.processors import Processor, ProcessorRefused, ProcessorUnavailable, serving
from domain.billing.statements import Statement
from domain.billing.states import PauseBehavior, ProcessorName, Snapshot, SubscriptionState
from domain.billing.subscriptions import BillingSubscription, absorb, gone
from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import UpstreamUnavailable
from domain.scope import system

log = logging.getLogger(__name__)

MAX_DOUBLINGS = 6

Request = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A request about one subscription; `key` makes its repetition harmless."""

    row: BillingSubscription
    operation: Operation
    request: Request
    key: str


Judge = Callable[[Session], Awaitable[Errand | None]]
"""Holds the customer, looks at everything as it is now, and says what to ask for; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errands:
    """Carries out what the worker wants of the processors."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]

    def serving(self, row: BillingSubscription) -> Processor | None:
        """Find the processor that a subscription is at; None when it is not to be asked here."""
        return serving(self.processors, row.processor, livemode=row.livemode)

    async def carry_out(self, judge: Judge) -> None:
        """Ask for what the judge wants and write down what came of it.

        Raises:
            UpstreamUnavailable: it is not done, or nobody knows yet; judge again later.
        """
        times = {name: await processor.now() for name, processor in self.processors.items()}
        intent = await self.database.run(partial(self._open, judge, times))
        if intent is not None and not await self._ask(intent):
            raise UpstreamUnavailable

    async def settle_lost(self) -> int:
        """Find out what became of requests that nobody has come back to; say how many were looked at."""
        looked = 0
        while intent := await self.database.run(self._lease_lost):
            looked += 1
            try:
                await self._look(intent)
            except (ProcessorUnavailable, ProcessorRefused) as error:
                log.info("nobody knows yet what became of %s: %s", intent.key, type(error).__name__)
        return looked

    async def _open(self, judge: Judge, times: Mapping[ProcessorName, datetime], session: Session) -> Intent | None:
        errand = await judge(session)
        if errand is None:
            return None
        order = Order(
            operation=errand.operation,
            customer_id=errand.row.customer_id,
            processor=errand.row.processor,
            request={"processor_id": errand.row.processor_id, **errand.request},
            processor_time=times[errand.row.processor],
            subscription_id=errand.row.id,
        )
        now = self.clock.now()
        intent = await open_intent(session, order, key=errand.key, scope=system("worker"), now=now, own=True)
        intent.leased_until = now + LEASE
        return intent

    async def _ask(self, intent: Intent) -> bool:
        """Send the request; say whether it is done."""
        try:
            snapshot = await _DEEDS[intent.operation].call(
                self.processors[intent.processor], intent.request, intent.key
            )
        except (ProcessorRefused, ProcessorUnavailable) as error:
            log.info("%s of subscription %s failed: %s", intent.operation, intent.subscription_id, type(error).__name__)
            await self.database.run(partial(self._failed, intent, error))
            return False
        said = Statement.answered(
            snapshot, key=intent.key, asked_at=intent.opened_at, processor_time=intent.processor_time
        )
        return await self.database.run(partial(self._record, intent, said))

    async def _failed(self, intent: Intent, error: ProcessorRefused | ProcessorUnavailable, session: Session) -> None:
        """Close what was refused, and look why; leave open what may have been done, to be looked at."""
        now = self.clock.now()
        if isinstance(error, ProcessorRefused):
            await give_up(session, intent.key, now=now, failure=type(error).__name__)
            await ask_to_fetch(session, processor=intent.processor, processor_id=intent.request["processor_id"], at=now)
        elif error.answered:
            (await session.get_one(Intent, intent.key, with_for_update=True)).leased_until = now

    async def _lease_lost(self, session: Session) -> Intent | None:
        now = self.clock.now()
        lost = (
            select(Intent)
            .where(Intent.leased_until <= now, Intent.processor.in_(list(self.processors)))
            .order_by(Intent.leased_until)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        intent = (await session.execute(lost)).scalar_one_or_none()
        if intent is not None:
            intent.leased_until = now + LEASE * 2 ** min(intent.attempts - 1, MAX_DOUBLINGS)
            intent.attempts += 1
        return intent

    async def _look(self, intent: Intent) -> None:
        processor = self.processors[intent.processor]
        asked_at, processor_time = self.clock.now(), await processor.now()
        snapshot = await processor.fetch(intent.request["processor_id"])
        async with self.database.snapshot() as session:
            row = await session.get_one(BillingSubscription, intent.subscription_id)
        said = Statement.fetched(snapshot or gone(row, asked_at), asked_at=asked_at, processor_time=processor_time)
        await self.database.run(partial(self._record, intent, said))

    async def _record(self, intent: Intent, said: Statement, session: Session) -> bool:
        """Fold in what was said and close the intent; say whether what it asked for is done."""
        now, deed = self.clock.now(), _DEEDS[intent.operation]
        customer = await locked_customer(session, intent.customer_id)
        account = await account_of(session, customer_id=intent.customer_id, processor=intent.processor)
        assert customer is not None, "customers are kept for ever"
        assert account is not None, "who has a subscription has an account"
        row = await absorb(session, said, account=account, scope=intent.scope, now=now)
        if not deed.done(intent.request, said.snapshot.state):
            await give_up(session, intent.key, now=now, failure="not done")
            return False
        if await settle(session, intent.key, now=now, answer={"subscription_id": row.id}):
            await audit.record(
                session,
                deed.action,
                scope=intent.scope,
                at=now,
                subject_id=row.id,
                organization_id=customer.organization_id,
                after=intent.request,
            )
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deed:
    """How one kind of errand is asked for, how its outcome is told, and what the ledger calls it."""

    action: str
    call: Callable[[Processor, Request, str], Awaitable[Snapshot]]
    done: Callable[[Request, SubscriptionState], bool]


def _quantity_changed(request: Request, state: SubscriptionState) -> bool:
    asked = (request["item_id"], request["quantity"])
    return asked in {(item.processor_id, item.quantity) for item in state.items}


async def _end_dunning(processor: Processor, request: Request, key: str) -> Snapshot:
    if TerminalAction(request["action"]) is TerminalAction.PAUSE:
        return await processor.pause(request["processor_id"], behavior=PauseBehavior.VOID, resumes_at=None, key=key)
    return await processor.cancel(request["processor_id"], at_period_end=False, at=None, key=key)


def _dunning_ended(request: Request, state: SubscriptionState) -> bool:
    paused = TerminalAction(request["action"]) is TerminalAction.PAUSE and lifecycle.paused(state)
    return paused or lifecycle.ended(state)


_DEEDS: Mapping[Operation, _Deed] = {
    Operation.FOLLOW_SEATS: _Deed(action="subscription.quantity_followed", call=ask_for_change, done=_quantity_changed),
    Operation.END_DUNNING: _Deed(action="dunning.terminal_action_requested", call=_end_dunning, done=_dunning_ended),
}

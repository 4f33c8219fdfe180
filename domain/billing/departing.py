"""Billing's part in a user's going: their own subscriptions end now, and it is known that they have.

Every cancellation is an intent of the deletion's own, so that whoever takes the deletion up knows which were asked for,
which are confirmed, and which nobody has heard of.
"""

import logging
from datetime import datetime
from functools import partial
from typing import Any

from domain import audit
from domain.billing import lifecycle
from domain.billing.commands import Commands, Times
from domain.billing.customers import Owner, OwnerKind, account_of, close_customer, find_customer, locked_customer
from domain.billing.facts import FactSource
from domain.billing.intents import Intent, Operation, Order, give_up, intents_of, open_intent, settle
from domain.billing.processors import Processor, ProcessorRefused, ProcessorUnavailable, serving
from domain.billing.statements import Statement
from domain.billing.states import Snapshot
from domain.billing.subscriptions import BillingSubscription, absorb, gone, live_subscriptions
from domain.db import Session
from domain.errors import UpstreamUnavailable, contained
from domain.hooks import Irrevocable, LifecycleHook, Undecided
from domain.ids import CustomerId
from domain.scope import Scope, system

log = logging.getLogger(__name__)


class Departing(LifecycleHook):
    """Billing's hook of `on_delete`: refuses nobody, cancels before the user goes, and closes the customer with it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def perform(self, *, user: Any, operation_id: str) -> None:
        """Cancel every live subscription of the user's own; what has ended or is unknown to its processor is done.

        Raises:
            Irrevocable: it has failed, and one of them has ended.
            Undecided: it has failed, and nobody can tell whether one of them has ended.
            Exception: whatever it failed with, and none of them has ended.
        """
        owner = Owner(kind=OwnerKind.USER, id=user.id)
        async with self._commands.database.snapshot() as session:
            customer = await find_customer(session, owner=owner)
        if customer is None:
            return
        prefix = f"del:{operation_id}:"
        error = (await contained(self._end_all(customer.id, prefix), log=log, where="departing")).error
        if error is not None:
            raise await self._verdict(customer.id, prefix, error) from error

    async def apply(self, *, session: Session, user: Any, scope: Scope) -> None:  # noqa: ARG002 - the hook's signature
        """Close the user's customer; what of it still lives ends now."""
        now = self._commands.clock.now()
        await close_customer(session, owner=Owner(kind=OwnerKind.USER, id=user.id), at=now, now=now)

    async def _end_all(self, customer_id: CustomerId, prefix: str) -> None:
        await self._commands.finish_purchases(customer_id)
        while intent := await self._next(customer_id, prefix):
            await self._end(intent)

    async def _verdict(self, customer_id: CustomerId, prefix: str, error: Exception) -> Exception:
        """Say what a failure leaves, by what was asked for; the error alone could not tell."""
        async with self._commands.database.snapshot() as session:
            asked = await intents_of(session, customer_id, prefix)
        if any(intent.settled_at is not None and intent.failure is None for intent in asked):
            return Irrevocable()
        return Undecided() if any(intent.settled_at is None for intent in asked) else error

    async def _next(self, customer_id: CustomerId, prefix: str) -> Intent | None:
        times = {name: await processor.now() for name, processor in self._commands.processors.items()}
        order = partial(self._order, customer_id, prefix, times)
        return await self._commands.database.run(order)

    async def _order(self, customer_id: CustomerId, prefix: str, times: Times, session: Session) -> Intent | None:
        """Find a cancellation that nobody has heard of, else write down the next one.

        Raises:
            UpstreamUnavailable: the subscription's processor is not configured here.
        """
        await locked_customer(session, customer_id)
        asked = await intents_of(session, customer_id, prefix)
        if lost := next((intent for intent in asked if intent.settled_at is None), None):
            return lost
        for row in await live_subscriptions(session, customer_id):
            if serving(self._commands.processors, row.processor, livemode=row.livemode) is None:
                raise UpstreamUnavailable
            # An answer that turned out to be wrong would be repeated under its old key.
            tries = sum(intent.subscription_id == row.id for intent in asked)
            key = f"{prefix}{row.processor_id}" + (f":{tries}" if tries else "")
            order = Order(
                operation=Operation.CANCEL,
                customer_id=customer_id,
                processor=row.processor,
                request={"processor_id": row.processor_id, "at_period_end": False, "at": None},
                processor_time=times[row.processor],
                subscription_id=row.id,
            )
            now = self._commands.clock.now()
            return await open_intent(session, order, key=key, scope=system("worker"), now=now, own=True)
        return None

    async def _end(self, intent: Intent) -> None:
        """Ask for one end until it is known what came of it.

        Raises:
            UpstreamUnavailable: it has not ended, and the request is not under way any more.
            Undecided: nobody can tell.
        """
        processor = self._commands.processors[intent.processor]
        processor_id = intent.request["processor_id"]
        answered, at, time = True, self._commands.clock.now(), await processor.now()
        try:
            said = await processor.cancel(processor_id, at_period_end=False, at=None, key=intent.key)
            if lifecycle.ended(said.state):
                return await self._conclude(intent, said, FactSource.COMMAND, at, time)
        except ProcessorRefused:
            answered = True
        except ProcessorUnavailable as error:
            answered = error.answered
        at, time = self._commands.clock.now(), await processor.now()
        seen = await _seen(processor, processor_id)
        if seen is None or lifecycle.ended(seen.state):
            return await self._conclude(intent, seen, FactSource.FETCH, at, time)
        if not answered:
            raise Undecided
        failed = partial(give_up, key=intent.key, now=at, failure="not ended")
        await self._commands.database.run(failed)
        raise UpstreamUnavailable

    async def _conclude(
        self, intent: Intent, said: Snapshot | None, source: FactSource, at: datetime, time: datetime
    ) -> None:
        await self._commands.database.run(partial(self._write_down, intent, said, source, at, time))

    async def _write_down(
        self, intent: Intent, said: Snapshot | None, source: FactSource, at: datetime, time: datetime, session: Session
    ) -> None:
        """Fold in that a subscription has ended, and settle the intent; None: its processor does not know it."""
        now = self._commands.clock.now()
        await locked_customer(session, intent.customer_id)
        row = await session.get_one(BillingSubscription, intent.subscription_id)
        account = await account_of(session, customer_id=intent.customer_id, processor=intent.processor)
        assert account is not None, "who has a subscription has an account"
        statement = Statement(
            source=source,
            type=None,
            event_id=intent.key,
            occurred_at=time,
            snapshot=said or gone(row, at),
            asked_at=at,
        )
        await absorb(session, statement, account=account, scope=intent.scope, now=now)
        if await settle(session, intent.key, now=now, answer={"subscription_id": row.id}):
            await audit.record(
                session, "subscription.cancel", scope=intent.scope, at=now, subject_id=row.id, after=intent.request
            )


async def _seen(processor: Processor, processor_id: str) -> Snapshot | None:
    """Look at a subscription as it is; None when its processor does not know it.

    Raises:
        Undecided: the processor does not tell.
    """
    try:
        return await processor.fetch(processor_id)
    except (ProcessorUnavailable, ProcessorRefused) as error:
        raise Undecided from error

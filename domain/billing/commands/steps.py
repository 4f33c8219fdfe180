"""The three steps of every command to a processor: intent, call, outcome. The call is in no transaction."""

import contextlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from domain import audit
from domain.billing.checkouts import unsettled
from domain.billing.commands.buying import PurchasesInTheWay
from domain.billing.commands.command import Command, Hearing, RoleFor, Times
from domain.billing.commands.kinds import KINDS
from domain.billing.commands.paying import Paying
from domain.billing.commands.settling import Settling
from domain.billing.customers import locked_customer
from domain.billing.fetches import ask_to_fetch
from domain.billing.intents import (
    GIVEN_UP,
    NOT_THERE,
    Intent,
    give_up,
    lease_due,
    open_intent,
    purchases_open,
    settle,
)
from domain.billing.processors import Processor, ProcessorRefused, ProcessorUnavailable
from domain.billing.purchases import Prices
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import BillingSubscription
from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import AlreadySubscribed, DomainError, InvalidInput, UpstreamUnavailable, WrongSubscriptionState
from domain.idempotency import Call
from domain.scope import Scope

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MOST_HEARINGS = 5
"""How often a wish is heard while other purchases come into its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Carries commands out. The first of `processors` is the rail of new subscriptions."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]
    prices: Prices
    role_for: RoleFor

    async def do(self, command: Command[Any, Result], *, scope: Scope, call: Call | None = None) -> Result:
        """Give a command; once for each `call`.

        Raises:
            DomainError: what the command's class says, and the processor's own no.
            UpstreamUnavailable: the outcome is unknown; the worker finishes it.
            IdempotencyMismatch: the call's key was used for another input.
            IdempotencyInProgress: the first call with this key has not finished.
        """
        return await self.database.shielded(self._do(command, scope, call))

    async def finish_open(self) -> int:
        """Send again what a crash or a silent processor left open, with the same keys; say how many.

        Whether a purchase that is not answered was made is looked for. What is surely not there is given up once it is
        not to be sent any more; what nobody can look at stays open.
        """
        taken = 0
        lease = partial(lease_due, processors=list(self.processors), operations=list(KINDS))
        while leased := await self.database.run(partial(lease, now=self.clock.now())):
            taken += 1
            intent = leased.intent
            try:
                await (self._end(intent) if leased.spent else self._send_again(intent))
            except (UpstreamUnavailable, InvalidInput, WrongSubscriptionState) as refused:
                # It stays open for the next lease, or is settled with the processor's own no.
                log.info("%s of customer %s: %s", intent.operation, intent.customer_id, type(refused).__name__)
        return taken

    async def finish_purchases(self, customer_id: str) -> None:
        """Find out what became of every purchase of a customer that is under way; no page of theirs stays open.

        Raises:
            UpstreamUnavailable: of one of them that is still unknown; the worker goes on with it.
        """
        async with self.database.snapshot() as session:
            purchases = await purchases_open(session, customer_id)
        for intent in purchases:
            if intent.processor not in self.processors:
                raise UpstreamUnavailable
            # The processor's own no settles a purchase too.
            with contextlib.suppress(InvalidInput):
                await self._send_again(intent)
        async with self.database.snapshot() as session:
            if await purchases_open(session, customer_id):
                raise UpstreamUnavailable
            found = await unsettled(session, customer_id, processors=self.processors, now=self.clock.now())
        await self._settling.settle(found)

    def hearing(self, session: Session, *, scope: Scope, times: Times) -> Hearing:
        """Give what commands of this caller are judged by in a transaction."""
        return Hearing(
            session=session,
            scope=scope,
            now=self.clock.now(),
            times=times,
            processors=self.processors,
            prices=self.prices,
            role_for=self.role_for,
        )

    @property
    def _settling(self) -> Settling:
        return Settling(database=self.database, clock=self.clock, processors=self.processors)

    async def _do(self, command: Command[Any, Result], scope: Scope, call: Call | None) -> Result:
        for _ in range(MOST_HEARINGS):
            times = {name: await processor.now() for name, processor in self.processors.items()}
            try:
                begun = await self.database.run(partial(self._begin, command, scope, call, times))
            except PurchasesInTheWay as found:
                await self._settling.settle(found.checkouts)
                for intent in found.given_up:
                    await self._look_once_more(intent)
                continue
            return await self._carry_out(type(command), begun) if isinstance(begun, Intent) else begun
        # Somebody else keeps opening pages for the same customer.
        raise AlreadySubscribed(subscription_id=None)

    async def _begin(
        self, command: Command[Any, Result], scope: Scope, call: Call | None, times: Times, session: Session
    ) -> Intent | Result:
        """Write the intent down with the claim to the call's key, or give the answer that the key has already."""
        hearing = self.hearing(session, scope=scope, times=times)
        known = None if call is None else await call.begin(session)
        if known is not None:
            return await command.replay(hearing, known)
        order = await command.order(hearing)
        key = f"sgi_{secrets.token_hex(16)}"
        return await open_intent(session, order, key=key, scope=scope, now=self.clock.now(), claim=call)

    async def _carry_out(self, kind: type[Command[Any, Result]], intent: Intent) -> Result:
        processor = self.processors[intent.processor]
        try:
            await Paying(database=self.database, clock=self.clock).link(processor, intent)
            told = await kind.call(processor, intent)
        except ProcessorRefused as refused:
            raise await self.database.run(partial(self._give_up, kind, intent, refused)) from refused
        except ProcessorUnavailable as error:
            raise UpstreamUnavailable(retry_after_seconds=error.retry_after) from error
        return await self.database.run(partial(self._conclude, kind, intent, told))

    async def _send_again(self, intent: Intent) -> None:
        """Send a request again, and where nobody answers look whether it was done.

        Raises:
            UpstreamUnavailable: nobody knows; it stays open.
            DomainError: the processor's own no.
        """
        try:
            await self._carry_out(KINDS[intent.operation], intent)
        except UpstreamUnavailable:
            if not await self._found(intent):
                raise

    async def _end(self, intent: Intent) -> None:
        """Give up what is not to be sent any more, unless it turns out to have been done.

        Raises:
            UpstreamUnavailable: nobody can look; it stays open.
        """
        if not await self._found(intent):
            await self.database.run(partial(self._abandon, intent))

    async def _found(self, intent: Intent) -> bool:
        """Look whether a request was done, and write down what is found; say whether anything was."""
        kind = KINDS[intent.operation]
        found = await self._look(intent)
        if found is not None:
            await self.database.run(partial(self._conclude, kind, intent, found))
        return found is not None

    async def _look(self, intent: Intent) -> object | None:
        try:
            processor = self.processors[intent.processor]
            return await KINDS[intent.operation].look(processor, intent, now=self.clock.now())
        except (ProcessorUnavailable, ProcessorRefused) as error:
            raise UpstreamUnavailable from error

    async def _abandon(self, intent: Intent, session: Session) -> None:
        """Close an intent that is not there, and have fetched what it was to change."""
        now = self.clock.now()
        await give_up(session, intent.key, now=now, failure=GIVEN_UP)
        if intent.subscription_id is not None:
            changed = intent.request["processor_id"]
            await ask_to_fetch(session, processor=intent.processor, processor_id=changed, at=now)

    async def _look_once_more(self, intent: Intent) -> None:
        """Look for a purchase that was given up, before the next one is made.

        Raises:
            UpstreamUnavailable: nobody knows whether it was made, so that nothing must be bought.
        """
        found = await self._look(intent)
        await self.database.run(partial(self._write_late, intent, found))

    async def _write_late(self, intent: Intent, found: object | None, session: Session) -> None:
        await locked_customer(session, intent.customer_id)
        row = await session.get_one(Intent, intent.key, with_for_update=True)
        if row.failure != GIVEN_UP:
            return
        if found is None:
            row.failure = NOT_THERE
            return
        row.settled_at = row.failure = None
        await session.flush()
        await self._conclude(KINDS[row.operation], row, found, session)

    async def _give_up(
        self, kind: type[Command[Any, Any]], intent: Intent, refused: ProcessorRefused, session: Session
    ) -> DomainError:
        """Settle the intent with the processor's no, and ask how the subscription is, where the no was about one."""
        now = self.clock.now()
        await give_up(session, intent.key, now=now, failure=type(refused).__name__)
        if intent.subscription_id is None:
            return kind.refusal(refused, None)
        row = await session.get_one(BillingSubscription, intent.subscription_id)
        await ask_to_fetch(session, processor=row.processor, processor_id=row.processor_id, at=now)
        return kind.refusal(refused, row)

    async def _conclude(
        self, kind: type[Command[Any, Result]], intent: Intent, told: object, session: Session
    ) -> Result:
        now = self.clock.now()
        if intent.claim is not None:
            intent.claim.sign(session)
        # Two processes may come back with the same answer, when one was so slow that another took over.
        customer = await locked_customer(session, intent.customer_id)
        done = await kind.write(session, intent, told, now=now)
        if await settle(session, intent.key, now=now, answer=done.answer):
            await audit.record(
                session,
                f"subscription.{intent.operation}",
                scope=intent.scope,
                at=now,
                subject_id=done.subject_id,
                organization_id=None if customer is None else customer.organization_id,
                after=intent.request,
            )
        return done.result

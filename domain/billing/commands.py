"""Commands that speak to a processor, in three steps: intent, call, outcome. The call is in no transaction."""

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from domain import audit, identity
from domain.billing import lifecycle
from domain.billing.customers import Customer, OwnerKind, account_of, link_account, locked_customer, owner_of
from domain.billing.facts import FactSource
from domain.billing.intents import Intent, Operation, Order, give_up, lease_due, open_intent, purchases_open, settle
from domain.billing.processors import Processor, ProcessorRefused, ProcessorUnavailable, Purchase, Subscribed
from domain.billing.purchases import Prices, check_items
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import BillingSubscription, Statement, absorb, live_subscriptions
from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import (
    AlreadySubscribed,
    Forbidden,
    InvalidInput,
    NotFound,
    Unsupported,
    UpstreamUnavailable,
    WrongSubscriptionState,
)
from domain.idempotency import Answer, Call
from domain.scope import Role, Scope

RoleFor = Callable[[Session, Scope, Customer], Awaitable[Role | None]]
"""Tells the caller's standing towards a customer: the role in the organization that owns it, OWNER for the own one."""


Times = Mapping[ProcessorName, datetime]


class Ordering(Protocol):
    """Judges a command inside its first transaction and says what to ask of the processor."""

    async def __call__(self, session: Session, *, times: Times) -> Order:
        """Refuse, or give the order. `times` are the processors' clocks just before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The outcome of a command: the mirror's row, and what a browser needs to confirm a first payment.

    When the command's key gave the answer again, the row is as it is now and the secret is None.
    """

    subscription: BillingSubscription
    client_secret: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Buys and cancels. The first of `processors` is the rail of new subscriptions."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]
    prices: Prices
    role_for: RoleFor

    async def subscribe(
        self, *, scope: Scope, customer_id: str, items: Sequence[Purchase], call: Call | None = None
    ) -> Bought:
        """Buy a new subscription for a customer; once for each `call`.

        Raises:
            NotFound: no such customer for this caller, or its owner is going.
            Forbidden: only the organization's OWNER and administrators may buy.
            InvalidInput: no item or over 20, a price twice or unknown, a quantity below 1, or two base plans.
            AlreadySubscribed: a live base subscription is in the mirror, or another purchase is under way.
            UpstreamUnavailable: the outcome is unknown; the worker finishes it.
            IdempotencyMismatch: the call's key was used for another input.
            IdempotencyInProgress: the first call with this key has not finished.
        """
        order = partial(self._order_purchase, scope=scope, customer_id=customer_id, items=items)
        return await self.database.shielded(self._do(order, scope=scope, call=call))

    async def cancel(
        self,
        *,
        scope: Scope,
        subscription_id: str,
        at_period_end: bool,
        at: datetime | None,
        call: Call | None = None,
    ) -> Bought:
        """End a subscription at `at` (UTC), else at its period's end, else now; once for each `call`.

        Raises:
            NotFound: no such subscription for this caller.
            Forbidden: only the organization's OWNER and administrators may cancel.
            InvalidInput: `at` has passed.
            WrongSubscriptionState: it has ended already.
            Unsupported: its processor is not configured here.
            UpstreamUnavailable: the outcome is unknown; the worker finishes it.
            IdempotencyMismatch: the call's key was used for another input.
            IdempotencyInProgress: the first call with this key has not finished.
        """
        order = partial(
            self._order_cancel, scope=scope, subscription_id=subscription_id, at_period_end=at_period_end, at=at
        )
        return await self.database.shielded(self._do(order, scope=scope, call=call))

    async def finish_open(self) -> int:
        """Send again what a crash or a silent processor left open, with the same keys; say how many."""
        sent = 0
        lease = partial(lease_due, processors=list(self.processors))
        while intent := await self.database.run(partial(lease, now=self.clock.now())):
            sent += 1
            try:
                await self._carry_out(intent)
            except (UpstreamUnavailable, InvalidInput):
                # It stays open for the next lease, or is settled with the processor's own no.
                continue
        return sent

    async def finish_purchases(self, customer_id: str) -> None:
        """Find out what became of every purchase of a customer that is under way, by sending it again.

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
                await self._carry_out(intent)

    async def _do(self, order: Ordering, *, scope: Scope, call: Call | None) -> Bought:
        times = {name: await processor.now() for name, processor in self.processors.items()}
        begun = await self.database.run(partial(self._begin, order, scope, call, times))
        return begun if isinstance(begun, Bought) else await self._carry_out(begun)

    async def _begin(
        self, order: Ordering, scope: Scope, call: Call | None, times: Times, session: Session
    ) -> Intent | Bought:
        """Write the intent down with the claim to the call's key, or give the answer that the key has already."""
        known = None if call is None else await call.begin(session)
        if known is not None:
            return await self._replay(session, scope, known)
        ordered = await order(session, times=times)
        key = f"sgi_{secrets.token_hex(16)}"
        return await open_intent(session, ordered, key=key, scope=scope, now=self.clock.now(), claim=call)

    async def _replay(self, session: Session, scope: Scope, known: Answer) -> Bought:
        """Show the subscription as it is now, to whoever may still buy and cancel for its customer."""
        row = await session.get_one(BillingSubscription, known["subscription_id"])
        await self._owned(session, scope, row.customer_id, missing=["input"], what="subscription")
        await session.refresh(row)
        return Bought(subscription=row, client_secret=None)

    async def _order_purchase(
        self, session: Session, *, scope: Scope, customer_id: str, items: Sequence[Purchase], times: Times
    ) -> Order:
        check_items(items, self.prices)
        missing = ["input", "customerId"]
        owner = await owner_of(session, customer_id)
        if owner and owner.kind is OwnerKind.USER and await identity.hold(session, owner.id) is None:
            raise NotFound("customer", path=missing)
        customer = await self._owned(session, scope, customer_id, missing=missing)
        if customer.closing_at is not None:
            raise NotFound("customer", path=missing)
        if self.prices.has_base(item.price_id for item in items):
            await self._require_no_base(session, customer.id)
        if await purchases_open(session, customer.id):
            raise AlreadySubscribed(subscription_id=None)
        rail = next(iter(self.processors))
        account = await account_of(session, customer_id=customer.id, processor=rail)
        request = {
            "account": account.processor_id if account else None,
            "items": [{"price_id": item.price_id, "quantity": item.quantity} for item in items],
        }
        return Order(
            operation=Operation.SUBSCRIBE,
            customer_id=customer.id,
            processor=rail,
            request=request,
            processor_time=times[rail],
        )

    async def _order_cancel(
        self,
        session: Session,
        *,
        scope: Scope,
        subscription_id: str,
        at_period_end: bool,
        at: datetime | None,
        times: Times,
    ) -> Order:
        if at is not None and at <= self.clock.now():
            raise InvalidInput("This instant has passed.", path=["input", "at"])
        missing = ["input", "subscriptionId"]
        row = await session.get(BillingSubscription, subscription_id)
        if row is None:
            raise NotFound("subscription", path=missing)
        customer = await self._owned(session, scope, row.customer_id, missing=missing, what="subscription")
        await session.refresh(row)
        if lifecycle.ended(row.current):
            raise WrongSubscriptionState("This subscription has ended.", status=row.status)
        if row.processor not in self.processors:
            raise Unsupported(processor=row.processor, capability="subscription.cancel")
        # Somebody wants this end, whatever becomes of the owner.
        row.closing_since = None
        request = {"at_period_end": at_period_end, "at": at.isoformat() if at else None}
        return Order(
            operation=Operation.CANCEL,
            customer_id=customer.id,
            processor=row.processor,
            request={"processor_id": row.processor_id, **request},
            processor_time=times[row.processor],
            subscription_id=row.id,
        )

    async def _owned(
        self, session: Session, scope: Scope, customer_id: str, *, missing: list[str], what: str = "customer"
    ) -> Customer:
        customer = await locked_customer(session, customer_id)
        role = None if customer is None else await self.role_for(session, scope, customer)
        if customer is None or role is None:
            raise NotFound(what, path=missing)
        if role is not Role.OWNER:
            raise Forbidden
        return customer

    async def _require_no_base(self, session: Session, customer_id: str) -> None:
        for row in await live_subscriptions(session, customer_id):
            if self.prices.has_base(item.price_id for item in row.current.items):
                raise AlreadySubscribed(subscription_id=row.id)

    async def _carry_out(self, intent: Intent) -> Bought:
        try:
            answer = await self._call(self.processors[intent.processor], intent)
        except ProcessorRefused as refused:
            failure = type(refused).__name__
            await self.database.run(partial(give_up, key=intent.key, now=self.clock.now(), failure=failure))
            raise InvalidInput(f"The processor refused: {refused}", path=["input"]) from refused
        except ProcessorUnavailable as error:
            raise UpstreamUnavailable from error
        return await self.database.run(partial(self._conclude, intent, answer))

    async def _call(self, processor: Processor, intent: Intent) -> Subscribed:
        asked = intent.request
        if intent.operation is Operation.CANCEL:
            at = datetime.fromisoformat(asked["at"]) if asked["at"] else None
            snapshot = await processor.cancel(
                asked["processor_id"], at_period_end=asked["at_period_end"], at=at, key=intent.key
            )
            return Subscribed(snapshot=snapshot)
        account = asked["account"] or await processor.create_customer(intent.customer_id, key=f"{intent.key}-customer")
        items = [Purchase(price_id=item["price_id"], quantity=item["quantity"]) for item in asked["items"]]
        return await processor.subscribe(account, items, key=intent.key)

    async def _conclude(self, intent: Intent, answer: Subscribed, session: Session) -> Bought:
        now = self.clock.now()
        if intent.claim is not None:
            intent.claim.sign(session)
        # Two processes may come back with the same answer, when one was so slow that another took over.
        customer = await locked_customer(session, intent.customer_id)
        account = await link_account(
            session,
            customer_id=intent.customer_id,
            processor=intent.processor,
            livemode=answer.snapshot.livemode,
            processor_id=answer.snapshot.customer_processor_id,
            at=now,
        )
        said = Statement(
            source=FactSource.COMMAND,
            type=None,
            event_id=intent.key,
            occurred_at=intent.processor_time,
            snapshot=answer.snapshot,
            asked_at=intent.opened_at,
        )
        row = await absorb(session, said, account=account, scope=intent.scope, now=now)
        if await settle(session, intent.key, now=now, answer={"subscription_id": row.id}):
            await audit.record(
                session,
                f"subscription.{intent.operation}",
                scope=intent.scope,
                at=now,
                subject_id=row.id,
                organization_id=None if customer is None else customer.organization_id,
                after=intent.request,
            )
        return Bought(subscription=row, client_secret=answer.client_secret)

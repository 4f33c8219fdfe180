"""Buying: at most one live base subscription for a customer, however the purchase is paid."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

from domain import identity
from domain.billing.checkouts import Checkout, unsettled
from domain.billing.commands.command import Command, Done, Hearing
from domain.billing.commands.outcomes import Bought, replay_snapshot, write_statement
from domain.billing.customers import Customer, OwnerKind, account_of, owner_of
from domain.billing.intents import Intent, Operation, Order, given_up_purchases, purchases_open
from domain.billing.processors import Capability, Processor, Purchase, Subscribed
from domain.billing.purchases import check_items
from domain.billing.statements import Statement
from domain.billing.subscriptions import live_subscriptions
from domain.db import Session
from domain.errors import AlreadySubscribed, NotFound
from domain.idempotency import Answer


class PurchasesInTheWay(Exception):
    """The customer may have bought something that nobody has heard of; once that is settled, the wish comes again.

    On checkout sessions, or with purchases that were given up.
    """

    def __init__(self, checkouts: Sequence[Checkout], given_up: Sequence[Intent]) -> None:
        super().__init__("purchases are in the way")
        self.checkouts = checkouts
        self.given_up = given_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Subscribed):
    """A purchase that somebody has looked for: not as it was answered, but as it is, asked at these instants."""

    asked_at: datetime
    processor_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe(Command[Subscribed, Bought]):
    """Buy a new subscription for a customer on the rail of new subscriptions.

    Refused with NotFound (no such customer for this caller, or its owner is going), Forbidden, InvalidInput (no item or
    over 20, a price twice or unknown, a quantity below 1, two base plans), AlreadySubscribed (a live base subscription
    is in the mirror, or another purchase is under way) and Unsupported.
    """

    operation: ClassVar = Operation.SUBSCRIBE

    customer_id: str
    items: Sequence[Purchase]

    async def order(self, hearing: Hearing) -> Order:
        """Judge the purchase."""
        return await order_purchase(
            hearing, self.operation, customer_id=self.customer_id, items=self.items, capability=Capability.SUBSCRIBE
        )

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> Subscribed:
        """Buy."""
        return await processor.subscribe(intent.request["account"], purchases_of(intent), key=intent.key)

    @staticmethod
    async def look(processor: Processor, intent: Intent, *, now: datetime) -> Subscribed | None:
        """Look for what was bought; without an account nothing was ever asked for."""
        if intent.request["account"] is None:
            return None
        processor_time = await processor.now()
        snapshot = await processor.find_purchase(intent.request["account"], key=intent.key)
        return None if snapshot is None else Found(snapshot=snapshot, asked_at=now, processor_time=processor_time)

    @classmethod
    async def write(cls, session: Session, intent: Intent, told: Subscribed, *, now: datetime) -> Done[Bought]:
        """Fold the new subscription in, dated by when it was asked for as it is."""
        said = Statement.answered(
            told.snapshot, key=intent.key, asked_at=intent.opened_at, processor_time=intent.processor_time
        )
        if isinstance(told, Found):
            said = Statement.fetched(told.snapshot, asked_at=told.asked_at, processor_time=told.processor_time)
        return await write_statement(session, intent, said, now=now, client_secret=told.client_secret)

    @classmethod
    async def replay(cls, hearing: Hearing, known: Answer) -> Bought:
        """Show the subscription as it is now."""
        return await replay_snapshot(hearing, known)


async def order_purchase(
    hearing: Hearing,
    operation: Operation,
    *,
    customer_id: str,
    items: Sequence[Purchase],
    capability: Capability,
    **more: Any,
) -> Order:
    """Judge a purchase, paid here or on the processor's page; `more` is what its request holds besides.

    Raises:
        InvalidInput: what cannot be bought.
        NotFound: no such customer for this caller, or its owner is going.
        Forbidden: only the organization's OWNER, administrators, and keys with billing:write may buy.
        AlreadySubscribed: a live base subscription is in the mirror, or another purchase is under way.
        Unsupported: the rail does not sell in this way.
        PurchasesInTheWay: an older page may have been paid, or a purchase that was given up may have been made.
    """
    check_items(items, hearing.prices)
    customer = await _buyer(hearing, customer_id)
    if hearing.prices.has_base(item.price_id for item in items):
        await _require_no_base(hearing, customer)
    if await purchases_open(hearing.session, customer.id):
        raise AlreadySubscribed(subscription_id=None)
    rail = next(iter(hearing.processors))
    hearing.require(capability, of=rail)
    checkouts = await unsettled(hearing.session, customer.id, processors=hearing.processors, now=hearing.now)
    given_up = await given_up_purchases(hearing.session, customer.id, processors=hearing.processors.keys())
    if checkouts or given_up:
        raise PurchasesInTheWay(checkouts, given_up)
    account = await account_of(hearing.session, customer_id=customer.id, processor=rail)
    return Order(
        operation=operation,
        customer_id=customer.id,
        processor=rail,
        request={
            "account": account.processor_id if account else None,
            "items": [asdict(item) for item in items],
            **more,
        },
        processor_time=hearing.times[rail],
    )


def purchases_of(intent: Intent) -> list[Purchase]:
    """Read what an intent buys."""
    return [Purchase(**item) for item in intent.request["items"]]


async def _buyer(hearing: Hearing, customer_id: str) -> Customer:
    """Find who buys; a user who pays is held still before the customer is."""
    missing = ["input", "customerId"]
    owner = await owner_of(hearing.session, customer_id)
    if owner and owner.kind is OwnerKind.USER and await identity.hold(hearing.session, owner.id) is None:
        raise NotFound("customer", path=missing)
    return await hearing.customer(customer_id, missing=missing)


async def _require_no_base(hearing: Hearing, customer: Customer) -> None:
    for row in await live_subscriptions(hearing.session, customer.id):
        if hearing.prices.has_base(item.price_id for item in row.current.items):
            raise AlreadySubscribed(subscription_id=row.id)

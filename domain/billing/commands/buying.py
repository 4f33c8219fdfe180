"""Buying: at most one live base subscription for a customer, however the purchase is paid."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

from domain import identity
from domain.billing.checkouts import Checkout, unsettled
from domain.billing.commands.command import Command, Done, Hearing
from domain.billing.commands.outcomes import Bought, replay_snapshot, write_snapshot
from domain.billing.customers import Customer, OwnerKind, account_of, owner_of
from domain.billing.intents import Intent, Operation, Order, purchases_open
from domain.billing.processors import Capability, Processor, Purchase, Subscribed
from domain.billing.purchases import check_items
from domain.billing.subscriptions import live_subscriptions
from domain.db import Session
from domain.errors import AlreadySubscribed, NotFound
from domain.idempotency import Answer


class CheckoutsInTheWay(Exception):
    """The customer has checkout sessions that may have been paid: they are settled first, then the wish comes again."""

    def __init__(self, checkouts: Sequence[Checkout]) -> None:
        super().__init__("checkout sessions are in the way")
        self.checkouts = checkouts


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
        """Make the customer at the processor where there is none yet, and buy."""
        account = await paying_account(processor, intent)
        return await processor.subscribe(account, purchases_of(intent), key=intent.key)

    @classmethod
    async def write(cls, session: Session, intent: Intent, told: Subscribed, *, now: datetime) -> Done[Bought]:
        """Link the account and fold the new subscription in."""
        return await write_snapshot(session, intent, told.snapshot, now=now, client_secret=told.client_secret)

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
        Forbidden: only the organization's OWNER and administrators may buy.
        AlreadySubscribed: a live base subscription is in the mirror, or another purchase is under way.
        Unsupported: the rail does not sell in this way.
        CheckoutsInTheWay: an older page may have been paid.
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
    if checkouts:
        raise CheckoutsInTheWay(checkouts)
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


async def paying_account(processor: Processor, intent: Intent) -> str:
    """Give the customer's account at the processor, made now where there is none yet.

    Two commands that find none make one and the same, because the key is the customer's.
    """
    account: str | None = intent.request["account"]
    return account or await processor.create_customer(intent.customer_id, key=f"sgc_{intent.customer_id}")


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

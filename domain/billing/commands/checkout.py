"""Selling on the processor's own page. The page's address is told once, to the caller, and kept nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.billing import checkouts
from domain.billing.commands.addresses import check_address
from domain.billing.commands.buying import order_purchase, purchases_of
from domain.billing.commands.command import Command, Done, Hearing
from domain.billing.intents import Intent, Operation, Order
from domain.billing.processors import Capability, CheckoutOrder, CheckoutSession, Processor, Purchase
from domain.db import Session
from domain.idempotency import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the processor's for one customer. `url` is None when a key gave the answer again."""

    url: str | None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCheckout(Command[CheckoutSession, Page]):
    """Make a page on which a customer pays for a new subscription; an older page of theirs is closed first.

    Refused as Subscribe is, and with InvalidInput for an address that is none of the host's.
    """

    operation: ClassVar = Operation.CREATE_CHECKOUT

    customer_id: str
    items: Sequence[Purchase]
    success_url: str
    cancel_url: str

    async def order(self, hearing: Hearing) -> Order:
        """Judge the purchase, before the page is made and not after it is paid."""
        check_address(self.success_url, path=["input", "successUrl"])
        check_address(self.cancel_url, path=["input", "cancelUrl"])
        return await order_purchase(
            hearing,
            self.operation,
            customer_id=self.customer_id,
            items=self.items,
            capability=Capability.CHECKOUT,
            success_url=self.success_url,
            cancel_url=self.cancel_url,
        )

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> CheckoutSession:
        """Make the page, for the one account that can ever pay on it."""
        order = CheckoutOrder(
            customer_id=intent.customer_id,
            customer_processor_id=intent.request["account"],
            items=purchases_of(intent),
            success_url=intent.request["success_url"],
            cancel_url=intent.request["cancel_url"],
        )
        return await processor.create_checkout(order, key=intent.key)

    @classmethod
    async def write(cls, session: Session, intent: Intent, told: CheckoutSession, *, now: datetime) -> Done[Page]:
        """Remember the session, by which alone its completion will be believed."""
        await checkouts.store(session, told, processor=intent.processor, customer_id=intent.customer_id, now=now)
        expires_at = told.expires_at.isoformat() if told.expires_at else None
        return Done(
            result=Page(url=told.url, expires_at=told.expires_at),
            answer={"customer_id": intent.customer_id, "expires_at": expires_at},
            subject_id=intent.customer_id,
        )

    @classmethod
    async def replay(cls, hearing: Hearing, known: Answer) -> Page:
        """Say until when the page lives; its address has been told."""
        await hearing.customer(known["customer_id"])
        expires_at = known["expires_at"]
        return Page(url=None, expires_at=datetime.fromisoformat(expires_at) if expires_at else None)

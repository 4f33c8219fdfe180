"""The processor's own page on which a customer manages what is paid for. Its address is told once and kept nowhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from domain.billing.commands.addresses import check_address
from domain.billing.commands.checkout import Page
from domain.billing.commands.command import Command, Done, Hearing
from domain.billing.customers import ProcessorAccount, accounts_of
from domain.billing.intents import Intent, Operation, Order
from domain.billing.processors import Capability, Processor, offers, serving
from domain.db import Session
from domain.idempotency import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePortal(Command[str, Page]):
    """Make a page on which a customer manages what is paid for, at the processor where it has an account.

    Refused with NotFound, Forbidden, InvalidInput (an address that is none of the host's) and Unsupported.
    """

    operation: ClassVar = Operation.CREATE_PORTAL

    customer_id: str
    return_url: str

    async def order(self, hearing: Hearing) -> Order:
        """Judge the wish and choose the processor: one that has the customer and such a page, else the rail."""
        check_address(self.return_url, path=["input", "returnUrl"])
        customer = await hearing.customer(self.customer_id, missing=["input", "customerId"])
        accounts = (await accounts_of(hearing.session, [customer.id])).get(customer.id, [])
        known = {account.processor: account for account in accounts if _offered(hearing, account)}
        processor = next((name for name in hearing.processors if name in known), next(iter(hearing.processors)))
        hearing.require(Capability.PORTAL, of=processor)
        account = next((one for one in accounts if one.processor == processor), None)
        return Order(
            operation=self.operation,
            customer_id=customer.id,
            processor=processor,
            request={"account": account.processor_id if account else None, "return_url": self.return_url},
            processor_time=hearing.times[processor],
        )

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> str:
        """Make the page and give its address."""
        asked = intent.request
        return await processor.create_portal(asked["account"], return_url=asked["return_url"], key=intent.key)

    @classmethod
    async def write(cls, session: Session, intent: Intent, told: str, *, now: datetime) -> Done[Page]:  # noqa: ARG003 - nothing is kept
        """Tell the address, and keep nothing of it."""
        answer = {"customer_id": intent.customer_id}
        return Done(result=Page(url=told), answer=answer, subject_id=intent.customer_id)

    @classmethod
    async def replay(cls, hearing: Hearing, known: Answer) -> Page:
        """Say nothing more: the page's address has been told."""
        await hearing.customer(known["customer_id"])
        return Page(url=None)


def _offered(hearing: Hearing, account: ProcessorAccount) -> bool:
    processor = serving(hearing.processors, account.processor, livemode=account.livemode)
    return processor is not None and offers(processor, Capability.PORTAL)

"""Linking a customer to an account that was made outside Seatgate: an operator's word, never an event's."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain import audit
from domain.billing.customers import Customer, ProcessorAccount, account_of, link_account, locked_customer
from domain.billing.processors import Processor
from domain.billing.states import ProcessorName
from domain.clock import Clock
from domain.db import Session
from domain.errors import InvalidInput, NotFound
from domain.scope import Scope

LONGEST_ID = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Linking:
    """Links accounts of the configured processors, in the mode of their keys. Who may is asked elsewhere."""

    clock: Clock
    processors: Mapping[ProcessorName, Processor]

    async def link(
        self, session: Session, *, scope: Scope, customer_id: str, processor: ProcessorName, processor_id: str
    ) -> Customer:
        """Link an account; events that have waited for it are applied soon after. Linking again changes nothing.

        Raises:
            NotFound: no such customer.
            InvalidInput: the processor is not configured here, the id is none, the account is another customer's, or
                the customer has another account there.
        """
        speaking = self.processors.get(processor)
        if speaking is None:
            raise InvalidInput("This processor is not configured here.", path=["input", "processor"])
        if not 1 <= len(processor_id) <= LONGEST_ID or not processor_id.isprintable() or " " in processor_id:
            raise InvalidInput("This is no id of a customer at the processor.", path=["input", "processorId"])
        customer = await locked_customer(session, customer_id)
        if customer is None:
            raise NotFound("customer", path=["input", "customerId"])
        before, now = await account_of(session, customer_id=customer.id, processor=processor), self.clock.now()
        account = await link_account(
            session,
            customer_id=customer.id,
            processor=processor,
            livemode=speaking.livemode,
            processor_id=processor_id,
            at=now,
        )
        if before is None:
            await audit.record(
                session,
                "customer.linked",
                scope=scope,
                at=now,
                subject_id=customer.id,
                organization_id=customer.organization_id,
                after=_told(account),
            )
        return customer


def _told(account: ProcessorAccount) -> dict[str, object]:
    return {"processor": account.processor, "livemode": account.livemode, "processor_id": account.processor_id}

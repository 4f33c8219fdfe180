"""The account that pays: made at the processor where a customer has none, and linked before anything is bought on it.

So whatever becomes of a purchase, it is known where to look for it.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from domain.billing.customers import account_of, link_account, locked_customer
from domain.billing.intents import Intent
from domain.billing.processors import Processor, ProcessorUnavailable
from domain.clock import Clock
from domain.db import Database, Session
from domain.ids import CustomerId

KEYS_KEPT = timedelta(days=1)
"""How long ago the answer may have been made that Stripe keeps for a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """Gives intents the accounts that they are for, holding no transaction while it asks."""

    database: Database
    clock: Clock

    async def link(self, processor: Processor, intent: Intent) -> None:
        """Let the intent name its account, made now where the customer has none yet; others need none.

        Raises:
            ProcessorUnavailable: nobody knows whether it is made; the intent is not sent.
            ProcessorRefused: the processor does not make it.
            InvalidInput: the account is another customer's; somebody must look.
        """
        if intent.request.get("account", "") is not None:
            return
        async with self.database.snapshot() as session:
            linked = await account_of(session, customer_id=intent.customer_id, processor=intent.processor)
        made = linked.processor_id if linked else await self._made(processor, intent)
        intent.request = await self.database.run(partial(self._write, intent, made, processor.livemode))

    async def _made(self, processor: Processor, intent: Intent) -> str:
        """Make the account, or find it made. Two commands that find none make one and the same: the keys are its own.

        An error may be all that a key ever answers. Then whoever comes back looks, and asks under another key only for
        what is not there.
        """
        first, second = f"sgc_{intent.customer_id}", f"sgc_{intent.customer_id}_again"
        try:
            return await processor.create_customer(intent.customer_id, key=first)
        except ProcessorUnavailable as error:
            if intent.attempts == 1 or not error.answered or error.retry_after is not None:
                raise
        return await self._found(processor, intent.customer_id) or await processor.create_customer(
            intent.customer_id, key=second
        )

    async def _found(self, processor: Processor, customer_id: CustomerId) -> str | None:
        return await processor.find_customer(customer_id, since=self.clock.now() - KEYS_KEPT)

    async def _write(self, intent: Intent, processor_id: str, livemode: bool, session: Session) -> dict[str, Any]:  # noqa: FBT001 - bound by partial
        """Link the account, unless another has been linked meanwhile, and let the intent name what is linked."""
        await locked_customer(session, intent.customer_id)
        account = await account_of(session, customer_id=intent.customer_id, processor=intent.processor)
        account = account or await link_account(
            session,
            customer_id=intent.customer_id,
            processor=intent.processor,
            livemode=livemode,
            processor_id=processor_id,
            at=self.clock.now(),
        )
        row = await session.get_one(Intent, intent.key)
        row.request = row.request | {"account": account.processor_id}
        return row.request

"""All that a caller may ask of billing: commands, and the preview that is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain.billing import lifecycle
from domain.billing.access import Accesses
from domain.billing.commands.buying import Subscribe
from domain.billing.commands.changing import SwapPlan, changed
from domain.billing.commands.ending import Cancel
from domain.billing.commands.outcomes import Bought
from domain.billing.commands.preview import PlanChange, Weighed, compare
from domain.billing.commands.steps import Steps
from domain.billing.customers import Customer
from domain.billing.processors import (
    Capability,
    ItemChange,
    ProcessorRefused,
    ProcessorUnavailable,
    Purchase,
)
from domain.billing.subscriptions import BillingSubscription, live_subscriptions
from domain.db import Session
from domain.errors import InvalidInput, UpstreamUnavailable, WrongSubscriptionState
from domain.idempotency import Call
from domain.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands(Steps):
    """Carries commands out (`do`), and previews what one would bring. `accesses` knows what plans give."""

    accesses: Accesses

    async def subscribe(
        self, *, scope: Scope, customer_id: str, items: Sequence[Purchase], call: Call | None = None
    ) -> Bought:
        """Give the command Subscribe."""
        return await self.do(Subscribe(customer_id=customer_id, items=items), scope=scope, call=call)

    async def cancel(
        self,
        *,
        scope: Scope,
        subscription_id: str,
        at_period_end: bool,
        at: datetime | None,
        call: Call | None = None,
    ) -> Bought:
        """Give the command Cancel."""
        command = Cancel(subscription_id=subscription_id, at_period_end=at_period_end, at=at)
        return await self.do(command, scope=scope, call=call)

    async def preview(self, swap: SwapPlan, *, scope: Scope) -> PlanChange:
        """Say what swapping the plan would bring: the invoice, and the change in access. Nothing is stored.

        Raises:
            NotFound: no such subscription for this caller.
            Forbidden: only the organization's OWNER, administrators, and keys with billing:write may.
            WrongSubscriptionState: it has ended, or has no base plan to swap.
            InvalidInput: what SwapPlan refuses, or the processor.
            Unsupported: its processor computes no such invoice.
            UpstreamUnavailable: the processor did not answer.
        """
        row, change, weighed = await self.database.run(partial(self._weigh, swap, scope))
        try:
            processor = self.processors[row.processor]
            invoice = await processor.preview(row.processor_id, change, proration=swap.proration)
        except ProcessorRefused as refused:
            raise InvalidInput(f"The processor refused: {refused}", path=["input"]) from refused
        except ProcessorUnavailable as error:
            raise UpstreamUnavailable(retry_after_seconds=error.retry_after) from error
        now = self.clock.now()
        before, after = weighed.access(now), weighed.with_state(row.id, changed(row.current, change)).access(now)
        return PlanChange(
            invoice=invoice,
            access=compare(before, after, weighed.seats),
            seats=weighed.seats,
            seat_limit=after.quantities.get(after.seat_limit, 0),
        )

    async def _weigh(
        self, swap: SwapPlan, scope: Scope, session: Session
    ) -> tuple[BillingSubscription, ItemChange, Weighed]:
        """Judge a swap as if it were given, and read what it would change."""
        hearing = self.hearing(session, scope=scope, times={})
        row = await hearing.subscription(swap.subscription_id)
        if lifecycle.ended(row.current):
            raise WrongSubscriptionState("This subscription has ended.", status=row.status)
        change = swap.change(row, self.prices)
        hearing.require(Capability.PREVIEW, of=row.processor, livemode=row.livemode)
        customer = await session.get_one(Customer, row.customer_id)
        rows = await live_subscriptions(session, customer.id)
        weighed = await Weighed.read(session, customer, rows, accesses=self.accesses, now=hearing.now)
        return row, change, weighed

"""What becomes of a subscription that stays past due: once its days are over, the processor is asked to end it.

Nothing here changes what the mirror says, except that the processor's answer is a fact like any other.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import ForeignKey, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing.customers import locked_customer
from domain.billing.errands import Errand, Errands
from domain.billing.intents import Intent, Operation, intents_of, under_way
from domain.billing.invoices import next_attempt_at
from domain.billing.lifecycle import Dunning, DunningStep, TerminalAction, dunning_step
from domain.billing.processors import Capability, offers
from domain.billing.subscriptions import BillingSubscription
from domain.db import Base, Key, Session, UtcDateTime
from domain.errors import UpstreamUnavailable
from domain.ids import SubscriptionId

log = logging.getLogger(__name__)

HELD = timedelta(hours=1)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)
MAX_DOUBLINGS = 11
_NEEDED = {TerminalAction.CANCEL: Capability.CANCEL, TerminalAction.PAUSE: Capability.PAUSE}


class DunningLapse(Base):
    """When a subscription that is past due since `past_due_since` is looked at next; null: it is done with."""

    __tablename__ = "dunning_lapses"

    subscription_id: Mapped[SubscriptionId] = mapped_column(
        Key, ForeignKey("billing_subscriptions.id"), primary_key=True
    )
    past_due_since: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """Asks for the terminal action, once for each lapse; what fails is asked again, after 1 min doubling to a day."""

    errands: Errands
    dunning: Dunning

    async def sweep(self) -> int:
        """See to every subscription whose days are over; say how many were looked at."""
        looked = 0
        while subscription_id := await self._find_due():
            looked += 1
            try:
                await self.errands.carry_out(partial(self._judge, subscription_id))
            except UpstreamUnavailable:
                log.info("dunning of subscription %s is not over yet", subscription_id)
        return looked

    async def _find_due(self) -> SubscriptionId | None:
        """Find a subscription whose days are over and that has not been seen to for this lapse."""
        row, lapse, now = BillingSubscription, DunningLapse, self.errands.clock.now()
        other_lapse = or_(lapse.subscription_id.is_(None), lapse.past_due_since != row.past_due_since)
        query = (
            select(row.id)
            .outerjoin(lapse, lapse.subscription_id == row.id)
            .where(
                row.past_due_since < _days_before(now, self.dunning.days),
                row.processor.in_(list(self.errands.processors)),
                or_(other_lapse, lapse.due_at <= now),
            )
            .order_by(row.past_due_since, row.id)
            .limit(1)
        )
        async with self.errands.database.snapshot() as session:
            return (await session.execute(query)).scalar_one_or_none()

    async def _judge(self, subscription_id: SubscriptionId, session: Session) -> Errand | None:
        """Decide about one subscription as it is now, and when it is looked at again."""
        row = await session.get_one(BillingSubscription, subscription_id)
        customer = await locked_customer(session, row.customer_id)
        await session.refresh(row)
        assert customer is not None, "customers are kept for ever"
        since, now = row.past_due_since, self.errands.clock.now()
        if since is None:
            return None
        lapse = await session.merge(DunningLapse(subscription_id=row.id, past_due_since=since, due_at=now + HELD))
        step = dunning_step(row.current, since, now, self.dunning, next_attempt_at=await next_attempt_at(session, row))
        held = step is not DunningStep.SWEEP or customer.closing_at is not None or self.errands.serving(row) is None
        if held:
            return None
        if row.fetch_owed or await under_way(session, row.id):
            lapse.due_at = now + FIRST_WAIT
            return None
        asked = await intents_of(session, row.customer_id, f"dunning:{row.id}:{since.isoformat()}:")
        if _done(asked) or self._cannot(row):
            lapse.due_at = None
            return None
        lapse.due_at = now + min(FIRST_WAIT * 2 ** min(len(asked), MAX_DOUBLINGS), LONGEST_WAIT)
        return self._errand(row, since, tried=len(asked))

    def _cannot(self, row: BillingSubscription) -> bool:
        """Say whether the processor cannot do it, and tell the log: this lapse is not looked at again."""
        processor = self.errands.serving(row)
        assert processor is not None, "who serves has been asked"
        capability = _NEEDED[self.dunning.action]
        unable = not offers(processor, capability)
        if unable:
            log.warning("dunning of subscription %s: unsupported, %s has no %s", row.id, row.processor, capability)
        return unable

    def _errand(self, row: BillingSubscription, since: datetime, *, tried: int) -> Errand:
        return Errand(
            row=row,
            operation=Operation.END_DUNNING,
            request={"action": self.dunning.action, "past_due_since": since.isoformat()},
            key=f"dunning:{row.id}:{since.isoformat()}:{tried}",
        )


def _done(asked: list[Intent]) -> bool:
    return any(intent.settled_at is not None and intent.failure is None for intent in asked)


def _days_before(now: datetime, days: int) -> datetime:
    """Go back so many days, stopping at the beginning of the calendar."""
    try:
        return now - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)

"""Quantities that follow the seats: whoever joins or leaves asks for a look, and the look asks the processor.

Whoever looks reads members and mirror as they are at that moment, so any number of wishes ends in one right quantity.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import exists, select

from domain import outbox
from domain.billing import seats
from domain.billing.customers import Customer, Owner, OwnerKind, find_customer, locked_customer
from domain.billing.errands import Errand, Errands
from domain.billing.intents import Operation, intents_of, under_way
from domain.billing.lifecycle import may_grant
from domain.billing.processors import Capability, offers
from domain.billing.quantities import QuantityChange, SeatQuantity, quantity_change
from domain.billing.states import Item
from domain.billing.subscriptions import BillingSubscription, live_subscriptions
from domain.db import Session
from domain.errors import UpstreamUnavailable

log = logging.getLogger(__name__)

TOPIC = "billing.seat_quantity"
LOOKED_AT_ONCE = 100

RulesOf = Callable[[str], SeatQuantity | None]
"""Tells how the quantity of a price follows the seats; None when it does not."""


async def ask_to_follow(session: Session, organization_id: str, *, now: datetime, debounce: timedelta) -> None:
    """Have an organization's quantity compared with its seats once the debounce is over: one look for many wishes."""
    await _ask(session, organization_id, since=now, at=now + debounce, key=organization_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The one item of an organization's subscriptions whose quantity follows its seats."""

    row: BillingSubscription
    item: Item
    rules: SeatQuantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Brings quantities to where the seats are."""

    TOPIC: ClassVar[str] = TOPIC

    errands: Errands
    rules_of: RulesOf

    async def deliver(self, payload: dict[str, Any]) -> None:
        """Compare one organization's quantity with its seats and put it right: the outbox's handler for TOPIC.

        Raises:
            UpstreamUnavailable: it is not right yet, or something else is being asked; the outbox tries again.
        """
        since = datetime.fromisoformat(payload["since"])
        await self.errands.carry_out(partial(self._judge, payload["organization_id"], since))

    async def look_at_changed(self) -> int:
        """Ask for a look at whatever has changed in the mirror since it was last compared; say how many there were.

        A subscription that was bought after people had joined is found so, and one that was changed by other hands.
        """
        return await self.errands.database.run(self._look_at_changed)

    async def wanted(self, session: Session, row: BillingSubscription, item: Item) -> int | None:
        """Tell what quantity an item should have now; None when no policy says so.

        What is not due yet, or is being seen to, is not wanted yet: then that is the quantity that it has.
        """
        rules = self.rules_of(item.price_id)
        if rules is None:
            return None
        customer = await session.get_one(Customer, row.customer_id)
        if customer.organization_id is None or customer.closing_at is not None:
            return None
        now = self.errands.clock.now()
        members = await _members(session, customer.organization_id, now)
        change = quantity_change(row.current, item, members=members, rules=rules, since=_LONG_AGO, now=now)
        if change is None or change.at > now or await _waits(session, customer.organization_id):
            return item.quantity
        return change.quantity

    async def _judge(self, organization_id: str, since: datetime, session: Session) -> Errand | None:
        found = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=organization_id))
        customer = None if found is None else await locked_customer(session, found.id)
        if customer is None or customer.closing_at is not None:
            return None
        followed = self._followed(await live_subscriptions(session, customer.id))
        if followed is None or followed.row.fetch_owed:
            # What a fetch brings changes the mirror, and by that asks for another look.
            return None
        now, row = self.errands.clock.now(), followed.row
        change = quantity_change(
            row.current,
            followed.item,
            members=await _members(session, organization_id, now),
            rules=followed.rules,
            since=since,
            now=now,
        )
        if change is None or self._cannot(row):
            return None
        if change.at > now:
            key = f"{organization_id}@{change.at.isoformat()}"
            await _ask(session, organization_id, since=since, at=change.at, key=key)
            return None
        if await under_way(session, row.id):
            raise UpstreamUnavailable
        return await _errand(session, followed, change)

    def _followed(self, rows: list[BillingSubscription]) -> Followed | None:
        """Find the item that follows; of two nobody could tell which one it is, so neither does."""
        found = [
            Followed(row=row, item=item, rules=rules)
            for row in rows
            for item in row.current.items
            if may_grant(row.current) and (rules := self.rules_of(item.price_id)) is not None
        ]
        if len(found) > 1:
            log.warning("customer %s: %d items would follow the seats, none does", found[0].row.customer_id, len(found))
        return found[0] if len(found) == 1 else None

    def _cannot(self, row: BillingSubscription) -> bool:
        """Say whether the processor does not change quantities.

        Raises:
            UpstreamUnavailable: the processor is not configured here; somebody else may have it.
        """
        processor = self.errands.serving(row)
        if processor is None:
            raise UpstreamUnavailable
        unable = not offers(processor, Capability.UPDATE_QUANTITY)
        if unable:
            log.warning("subscription %s: %s does not change quantities", row.id, row.processor)
        return unable

    async def _look_at_changed(self, session: Session) -> int:
        # While an attempt waits to be repeated, its outcome decides; what has changed by then is looked at after it.
        repeated = exists().where(
            outbox.OutboxMessage.topic == TOPIC,
            outbox.OutboxMessage.key.startswith(Customer.owner_id),
            outbox.OutboxMessage.attempts > 0,
            outbox.OutboxMessage.due_at.is_not(None),
        )
        query = (
            select(BillingSubscription, Customer)
            .join(Customer, Customer.id == BillingSubscription.customer_id)
            .where(BillingSubscription.followed_version != BillingSubscription.version, ~repeated)
            .limit(LOOKED_AT_ONCE)
            .with_for_update(skip_locked=True, key_share=True, of=BillingSubscription)
        )
        now, rows = self.errands.clock.now(), (await session.execute(query)).all()
        for row, customer in rows:
            row.followed_version = row.version
            if customer.organization_id is not None and may_grant(row.current):
                await ask_to_follow(session, customer.organization_id, now=now, debounce=timedelta())
        return len(rows)


_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00Z")


async def _ask(session: Session, organization_id: str, *, since: datetime, at: datetime, key: str) -> None:
    payload = {"organization_id": organization_id, "since": since.isoformat()}
    await outbox.put_once(session, topic=TOPIC, key=key, payload=payload, at=at)


async def _waits(session: Session, organization_id: str) -> bool:
    message = outbox.OutboxMessage
    query = select(message.id).where(message.topic == TOPIC, message.key == organization_id, message.attempts == 0)
    return (await session.execute(query.limit(1))).first() is not None


async def _members(session: Session, organization_id: str, now: datetime) -> int:
    count = (await seats.counts(session, [organization_id], now=now)).get(organization_id)
    return 0 if count is None else count.used


async def _errand(session: Session, followed: Followed, change: QuantityChange) -> Errand:
    """Write the request; its key stands for this change of this version, and counts what was tried in vain."""
    row, item = followed.row, followed.item
    key = f"follow:{row.id}:{row.version}:{change.quantity}"
    tried = len(await intents_of(session, row.customer_id, f"{key}:"))
    return Errand(
        row=row,
        operation=Operation.FOLLOW_SEATS,
        request={
            "item_id": item.processor_id,
            "price_id": item.price_id,
            "quantity": change.quantity,
            "proration": change.proration,
        },
        key=f"{key}:{tried}",
    )

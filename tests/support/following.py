"""A house whose plan follows its seats, an organization that has it, and the worker's part of it."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import select

from domain import outbox
from domain.billing import Errands, Fetches, Following, Owner, OwnerKind, ProcessorName, find_customer
from domain.billing.customers import Customer, account_of
from domain.billing.facts import FactSource
from domain.billing.intents import Intent
from domain.billing.statements import Statement
from domain.billing.states import Item
from domain.billing.subscriptions import BillingSubscription, absorb
from domain.billing.webhooks import keep_waiting
from domain.db import Database, Session
from domain.identity import User
from domain.organizations import Organization
from domain.scope import system
from tests.support.billing import linked
from tests.support.clock import FixedClock
from tests.support.register import Register
from tests.support.seating import House, house

FAKE = ProcessorName.FAKE
MONTH = timedelta(days=30)
CATALOG = """
[default]
limits = { seats = "unlimited" }
[plans.team]
limits = { seats = "unlimited" }
price_ids = ["price_team", "price_yearly"]
seat_quantity = { up = "at_once", down = "next_period", debounce_seconds = 10 }
[plans.slow]
limits = { seats = "unlimited" }
price_ids = ["price_slow"]
seat_quantity = { down = "at_once", debounce_seconds = 60 }
[plans.flat]
limits = { seats = 100 }
price_ids = ["price_flat"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """An organization with one owner, and the subscription `sub_1` at the processor."""

    house: House
    clock: FixedClock
    register: Register
    organization: Organization
    owner: User
    customer: Customer

    @property
    def database(self) -> Database:
        return self.house.database

    def errands(self) -> Errands:
        """Make what another worker process would have."""
        return Errands(database=self.database, clock=self.clock, processors={FAKE: self.register})

    def fetches(self) -> Fetches:
        return Fetches(
            database=self.database, clock=self.clock, processors={FAKE: self.register}, unlinked=keep_waiting
        )

    def following(self) -> Following:
        return Following(errands=self.errands(), rules_of=self.house.entitlements.catalog.seat_quantity_of)

    async def hear(self, processor_id: str = "sub_1") -> None:
        """Let the mirror learn how the processor has a subscription now."""
        await self.database.run(partial(self._hear, processor_id))

    async def _hear(self, processor_id: str, session: Session) -> None:
        account = await account_of(session, customer_id=self.customer.id, processor=FAKE)
        assert account is not None
        now = self.clock.now()
        said = Statement(
            source=FactSource.FETCH,
            type=None,
            event_id=f"told_{secrets.token_hex(8)}",
            occurred_at=now,
            snapshot=self.register.shown(processor_id),
            asked_at=now,
        )
        await absorb(session, said, account=account, scope=system("test"), now=now)

    async def buys(self, price: str = "price_team", *, quantity: int | None = 1, nth: int = 1) -> None:
        # Two answers of one instant would contradict each other.
        end = self.clock.forward(seconds=1) + MONTH
        item = Item(processor_id=f"si_{nth}", price_id=price, quantity=quantity, current_period_end=end)
        self.register.opens(f"sub_{nth}", item)
        await self.hear(f"sub_{nth}")

    async def joins(self, *subjects: str) -> None:
        for subject in subjects:
            await self.house.join(self.organization, subject)

    async def leaves(self, *subjects: str) -> None:
        for subject in subjects:
            user = await self.house.user(subject)
            await self.house.remove(await self.house.membership_id(self.organization, user), by=self.owner)

    async def round(self, following: Following | None = None) -> int:
        """Go once round what a worker does about quantities."""
        following = following or self.following()
        fetches = self.fetches()
        deliveries = {following.TOPIC: following.deliver, fetches.TOPIC: fetches.deliver}
        found = await following.errands.settle_lost() + await following.look_at_changed()
        return found + await outbox.deliver_due(self.database, self.clock, deliveries)

    async def works(self, **later: float) -> None:
        """Let time pass, and the worker do whatever is due by then."""
        self.clock.forward(**later)
        while await self.round():
            pass

    async def row(self, processor_id: str = "sub_1") -> BillingSubscription:
        async with self.database.snapshot() as session:
            query = select(BillingSubscription).where(BillingSubscription.processor_id == processor_id)
            return (await session.execute(query)).scalar_one()

    async def quantities(self, processor_id: str = "sub_1") -> tuple[int | None, int | None]:
        """Tell the quantity in truth and in the mirror."""
        [true], [known] = self.register.states[processor_id].items, (await self.row(processor_id)).current.items
        return true.quantity, known.quantity

    async def open_intents(self) -> list[str]:
        async with self.database.snapshot() as session:
            return list((await session.scalars(select(Intent.key).where(Intent.settled_at.is_(None)))).all())

    async def waiting(self) -> list[tuple[str, int]]:
        """List the wishes that wait, with how often each was tried."""
        async with self.database.snapshot() as session:
            message = outbox.OutboxMessage
            query = select(message.key, message.attempts).where(message.topic == Following.TOPIC).order_by(message.id)
            return [(key, attempts) for key, attempts in (await session.execute(query)).all()]


async def firm(database: Database, clock: FixedClock, catalog: str = CATALOG) -> Firm:
    made = house(database, clock, catalog=catalog)
    owner = await made.user("owner")
    organization = await made.organization(owner)
    async with database.transaction() as session:
        customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=organization.id))
        assert customer is not None
    await linked(database, clock, customer.id)
    return Firm(
        house=made,
        clock=clock,
        register=Register(clock),
        organization=organization,
        owner=owner,
        customer=customer,
    )

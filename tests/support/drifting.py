"""A house whose Fake keeps its events to itself, so that the mirror falls behind."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from domain.billing import (
    BillingSubscription,
    Drift,
    DriftReport,
    ProcessorName,
    Purchase,
    Status,
    accounts_of,
    all_drifts,
)
from domain.billing.processors.fake import FakeProcessor
from domain.billing.reconciling.running import Reconciling
from domain.db import Database
from domain.outbox import OutboxMessage
from domain.scope import system
from domain.wiring import Services
from tests.support.billing import subscriptions
from tests.support.clock import FixedClock
from tests.support.wired import customer_of, organization, user

SCOPE = system("test")
PRO, TEAM = "price_pro_monthly", "price_team_monthly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """One customer who has bought, and what may be done behind the mirror's back."""

    services: Services
    clock: FixedClock
    customer: str

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def fake(self) -> FakeProcessor:
        fake = self.services.processors[ProcessorName.FAKE]
        assert isinstance(fake, FakeProcessor)
        return fake

    @property
    def reconciling(self) -> Reconciling:
        return self.services.reconciling

    async def buy(self, price: str = PRO, quantity: int = 1) -> str:
        """Buy through the front door; its events arrive. Gives the processor's id."""
        bought = await self.services.commands.subscribe(
            scope=SCOPE, customer_id=self.customer, items=[Purchase(price_id=price, quantity=quantity)]
        )
        await self.arrive()
        return bought.subscription.processor_id

    async def arrive(self) -> None:
        """Let everything in the post arrive."""
        await self.services.worker.jobs["outbox"]()

    async def lose(self) -> None:
        """Lose everything in the post."""
        async with self.database.transaction() as session:
            await session.execute(delete(OutboxMessage).where(OutboxMessage.topic == FakeProcessor.TOPIC))

    async def end_unheard(self, processor_id: str) -> None:
        """End a subscription at the processor, and lose the event that tells of it."""
        await self.fake.cancel(processor_id, at_period_end=False, at=None, key=f"end {processor_id}")
        await self.lose()

    async def buy_unheard(self, price: str, *, key: str, quantity: int = 1, account: str | None = None) -> str:
        """Buy at the processor itself, and lose the event that tells of it."""
        account = account or await self.account()
        bought = await self.fake.subscribe(account, [Purchase(price_id=price, quantity=quantity)], key=key)
        await self.lose()
        return bought.snapshot.processor_id

    async def edit_row(self, processor_id: str, *, status: str) -> None:
        """Let somebody write another status into the mirror's row, past its facts."""
        async with self.database.transaction() as session:
            query = select(BillingSubscription).where(BillingSubscription.processor_id == processor_id)
            row = (await session.execute(query)).scalar_one()
            row.status, row.state = Status(status), row.state | {"status": status}

    async def account(self) -> str:
        async with self.database.snapshot() as session:
            return (await accounts_of(session, [self.customer]))[self.customer][0].processor_id

    async def reconcile(self, **options: Any) -> list[Drift]:
        report = await self.reconciling.everything(**options)
        return await self.drifts(report)

    async def drifts(self, report: DriftReport) -> list[Drift]:
        async with self.database.snapshot() as session:
            return await all_drifts(session, report.id)

    async def reports(self) -> list[DriftReport]:
        async with self.database.snapshot() as session:
            return list((await session.execute(select(DriftReport).order_by(DriftReport.id))).scalars())

    async def right(self) -> bool:
        """Say whether the mirror is what the processor holds."""
        held = {each.processor_id: each.state async for each in self.fake.list_subscriptions()}
        rows = await subscriptions(self.database)
        return {row.processor_id: row.current for row in rows} == held and not any(row.fetch_owed for row in rows)


async def shop(services: Services, clock: FixedClock) -> Shop:
    owner = await user(services, "ann")
    customer = await customer_of(services, await organization(services, owner))
    return Shop(services=services, clock=clock, customer=customer)

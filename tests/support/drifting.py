"""A house whose Fake keeps its events to itself, so that the mirror falls behind."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from domain.billing import (
    BillingSubscription,
    Drift,
    DriftReport,
    Purchase,
    Status,
    accounts_of,
    all_drifts,
    newest_report,
)
from domain.billing.processors import Capability, Label
from domain.billing.processors.fake import FakeProcessor, FakeSubscription
from domain.billing.reconciling.of_customer import CustomerReconciling
from domain.billing.reconciling.running import Reconciling
from domain.billing.states import Snapshot
from domain.db import Database
from domain.outbox import OutboxMessage
from domain.scope import system
from domain.wiring import Services
from tests.support.billing import subscriptions
from tests.support.clock import FixedClock
from tests.support.wired import SECRET, customer_of, fake_of, organization, user

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
        return fake_of(self.services)

    @property
    def reconciling(self) -> Reconciling:
        return self.services.reconciling

    def asking(self, processor: FakeProcessor) -> Reconciling:
        """Give what compares with another processor in the Fake's place."""
        return replace(self.reconciling, processors={processor.name: processor})

    def asking_of_customer(self, processor: FakeProcessor) -> CustomerReconciling:
        """The same for one customer."""
        return CustomerReconciling(reconciling=self.asking(processor))

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

    async def hand_over(self, processor_id: str, account: str) -> None:
        """Let the processor ascribe a subscription to another of its customers, and tell nobody."""
        async with self.database.transaction() as session:
            row = await session.get_one(FakeSubscription, processor_id)
            row.customer_id, row.document = account, row.document | {"customer": account}

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

    async def newest(self) -> DriftReport | None:
        """Give the report that administrators read."""
        async with self.database.snapshot() as session:
            return await newest_report(session)

    async def right(self) -> bool:
        """Say whether the mirror is what the processor holds."""
        held = {each.processor_id: each.state async for each in self.fake.list_subscriptions()}
        rows = await subscriptions(self.database)
        return {row.processor_id: row.current for row in rows} == held and not any(row.fetch_owed for row in rows)


class OtherFake(FakeProcessor):
    """The Fake's books in other hands: other capabilities, and troubles, one for each list that is asked for."""

    def __init__(
        self,
        here: Shop,
        *troubles: Exception,
        told_before: int = 0,
        labels: Mapping[Capability, Label] | None = None,
    ) -> None:
        super().__init__(database=here.database, clock=here.clock, webhook_secrets=[SECRET])
        self.capabilities = {**self.capabilities, **(labels or {})}
        self.troubles = list(troubles)
        self.told_before = told_before
        self.lists = 0

    async def list_subscriptions(self, customer_processor_id: str | None = None) -> AsyncIterator[Snapshot]:
        """List as many as are told before trouble comes, and all when none does."""
        self.lists += 1
        trouble, told = self.troubles.pop(0) if self.troubles else None, 0
        async for snapshot in super().list_subscriptions(customer_processor_id):
            if trouble is not None and told == self.told_before:
                break
            told += 1
            yield snapshot
        if trouble is not None:
            raise trouble


class SilentFake(FakeProcessor):
    """The Fake of a process that is heard of no more once it asks: the question is never answered."""

    def __init__(self, here: Shop) -> None:
        super().__init__(database=here.database, clock=here.clock, webhook_secrets=[SECRET])
        self.asked = asyncio.Event()

    async def now(self) -> datetime:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody answers")


async def shop(services: Services, clock: FixedClock) -> Shop:
    owner = await user(services, "ann")
    customer = await customer_of(services, await organization(services, owner))
    return Shop(services=services, clock=clock, customer=customer)

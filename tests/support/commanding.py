"""An organization whose owner commands its billing, and a processor that can be made to fail."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from domain.billing import (
    BillingSubscription,
    Cancel,
    CreateCheckout,
    CreatePortal,
    Page,
    Pause,
    PauseBehavior,
    Proration,
    Purchase,
    Resume,
    Subscribe,
    SwapPlan,
    Unpause,
    UpdateQuantity,
)
from domain.billing.commands import Command
from domain.billing.processors import Processor
from domain.billing.processors.fake import FakeProcessor, Fault
from domain.db import Database
from domain.ids import CustomerId
from domain.organizations import Organization
from domain.scope import Scope
from domain.wiring import Services
from tests.support.billing import subscriptions
from tests.support.clock import FixedClock
from tests.support.tables import scalar
from tests.support.wired import customer_of, fake_of, organization, user

T = TypeVar("T")

TEAM = Purchase(price_id="price_team_monthly", quantity=7)
PRO = Purchase(price_id="price_pro_monthly", quantity=1)
PACK = Purchase(price_id="price_seat_pack", quantity=2)
RETURN = "https://acme.example/billing"


class Failing(Protocol):
    """What a sweep of faults needs to know of the processor's other side."""

    async def fail(self, faults: Iterable[Fault]) -> None:
        """Let the next calls fail."""

    async def charged(self) -> int:
        """Count the invoices that were paid for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSide:
    """The Fake's other side."""

    fake: FakeProcessor
    database: Database

    async def fail(self, faults: Iterable[Fault]) -> None:
        self.fake.script(faults)

    async def charged(self) -> int:
        return int(await scalar(self.database, "SELECT count(*) FROM fake_invoices"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Acme, its owner and its customer, over services whose worker runs when it is told to."""

    services: Services
    clock: FixedClock
    owner: Scope
    acme: Organization
    payer: CustomerId

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def fake(self) -> FakeProcessor:
        return fake_of(self.services)

    @property
    def side(self) -> FakeSide:
        return FakeSide(fake=self.fake, database=self.database)

    async def do(self, command: Command[Any, T], **how: Any) -> T:
        return await self.services.commands.do(command, scope=how.pop("scope", self.owner), **how)

    async def buys(self, *items: Purchase) -> BillingSubscription:
        """Buy, and let everything that follows happen; two seconds later the next command is not ambiguous."""
        bought = await self.do(Subscribe(customer_id=self.payer, items=items or (TEAM,)))
        await self.settled()
        return await self.row(bought.subscription.id)

    async def opens(self, *items: Purchase) -> Page:
        return await self.do(checkout(self.payer, *items))

    async def row(self, id: str) -> BillingSubscription:
        return next(row for row in await subscriptions(self.database) if row.id == id)

    async def open_session(self) -> str:
        found = await scalar(self.database, "SELECT processor_id FROM checkout_sessions WHERE status = 'open'")
        return str(found)

    async def settled(self) -> None:
        """Let the worker go round until there is nothing left to do, and two seconds pass."""
        self.clock.forward(milliseconds=1)
        while await self.services.worker.round():
            self.clock.forward(milliseconds=1)
        self.clock.forward(seconds=2)


async def account_of(services: Services, clock: FixedClock) -> Account:
    owner = await user(services, "ann")
    acme = await organization(services, owner)
    payer = await customer_of(services, acme)
    return Account(services=services, clock=clock, owner=owner, acme=acme, payer=payer)


def checkout(payer: CustomerId, *items: Purchase) -> CreateCheckout:
    return CreateCheckout(customer_id=payer, items=items or (TEAM,), success_url=RETURN, cancel_url=RETURN)


def swap(row: BillingSubscription, price_id: str = PRO.price_id, quantity: int | None = None) -> SwapPlan:
    return SwapPlan(subscription_id=row.id, price_id=price_id, quantity=quantity, proration=Proration.CREATE_PRORATIONS)


def number(row: BillingSubscription, quantity: int, price_id: str | None = None) -> UpdateQuantity:
    return UpdateQuantity(
        subscription_id=row.id, price_id=price_id, quantity=quantity, proration=Proration.CREATE_PRORATIONS
    )


def pause(row: BillingSubscription, **in_: float) -> Pause:
    resumes_at = row.last_fact_at + timedelta(**in_) if in_ else None
    return Pause(subscription_id=row.id, behavior=PauseBehavior.VOID, resumes_at=resumes_at)


def at_the_end(row: BillingSubscription) -> Cancel:
    return Cancel(subscription_id=row.id, at_period_end=True, at=None)


def portal(payer: CustomerId) -> CreatePortal:
    return CreatePortal(customer_id=payer, return_url=RETURN)


async def agreed(account: Account, processor: Processor) -> bool:
    """Say whether the mirror shows every subscription of the processor, and each as it is there."""
    mirrored = {row.processor_id: row.current for row in await subscriptions(account.database)}
    real: Mapping[str, object] = {
        snapshot.processor_id: snapshot.state async for snapshot in processor.list_subscriptions()
    }
    return mirrored == real


async def prepared(account: Account, name: str) -> Command[Any, Any]:
    """Bring Acme to where a command makes sense, and give the command."""
    if name == "subscribe":
        return Subscribe(customer_id=account.payer, items=(TEAM,))
    if name == "create_checkout":
        return checkout(account.payer)
    if name == "create_portal":
        return portal(account.payer)
    row = await account.buys(TEAM)
    if name in {"resume", "unpause"}:
        await account.do(at_the_end(row) if name == "resume" else pause(row))
        await account.settled()
    commands: dict[str, Command[Any, Any]] = {
        "swap_plan": swap(row),
        "update_quantity": number(row, 9),
        "cancel": Cancel(subscription_id=row.id, at_period_end=False, at=None),
        "resume": Resume(subscription_id=row.id),
        "pause": pause(row),
        "unpause": Unpause(subscription_id=row.id),
    }
    return commands[name]

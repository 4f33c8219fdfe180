"""What may happen to one customer: all that processors say, well and badly, and all that we decide ourselves."""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.billing import Customer, Owner, ProcessorAccount, close_customer, facts, reopen_customer
from domain.billing.facts import Fact, FactSource
from domain.billing.statements import Statement
from domain.billing.states import Item, PauseCollection, Snapshot, Status, SubscriptionState
from domain.billing.subscriptions import absorb
from domain.db import Session
from domain.entitlements import UNLIMITED, Granted, Override
from domain.ids import OverrideId
from domain.scope import system

PRICES = ("price_pro", "price_pro", "price_team", "price_team", "price_pack", "price_old", "price_nobody_knows")
STATUSES = (*[Status.ACTIVE] * 6, *[Status.PAST_DUE] * 4, *Status)
KINDS = (*["updated"] * 6, "created", "deleted")
DEEDS = (
    *["say"] * 8,
    *["late", "ahead", "rival", "answer"] * 3,
    *["repeat", "grant", "grant", "grant", "revoke", "revoke", "close", "reopen", "reopen"],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A fact as it was first recorded, remembered outside of the database."""

    subscription: str
    fact: Fact
    recorded_at: datetime


@dataclass(slots=True, kw_only=True)
class Gift:
    """An override, remembered outside of the database."""

    granted: Granted
    at: datetime
    revoked_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Person:
    """One customer and its life so far, as remembered by somebody who has never read a table."""

    name: str
    customer: Customer
    account: ProcessorAccount
    chance: random.Random
    told: list[Told] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    gifts: list[Gift] = field(default_factory=list)
    closings: list[tuple[datetime, bool]] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)

    @property
    def owner(self) -> Owner:
        return Owner(kind=self.customer.owner_kind, id=self.customer.owner_id)

    async def live(self, session: Session, now: datetime) -> None:
        """Do something, as chance has it, in the caller's transaction."""
        deed = self.chance.choice(DEEDS)
        self.deeds.append(f"{now.isoformat()} {deed}")
        match deed:
            case "grant":
                await self._grant(session, now)
            case "revoke":
                await self._revoke(session, now)
            case "close" | "reopen":
                await self._close(session, now, closing=deed == "close")
            case "repeat":
                if self.statements:
                    await self._absorb(session, self.chance.choice(self.statements), now)
            case _:
                await self._absorb(session, self._statement(deed, now), now)

    async def _absorb(self, session: Session, statement: Statement, now: datetime) -> None:
        await absorb(session, statement, account=self.account, scope=system("test"), now=now)
        if statement not in self.statements:
            self.statements.append(statement)
            fact = Fact(
                source=statement.source,
                type=statement.type,
                event_id=statement.event_id,
                rank=facts.rank_of(statement.type),
                occurred_at=statement.occurred_at,
                sequence=facts.number(statement.asked_at or now),
                state=statement.snapshot.state,
            )
            self.told.append(Told(subscription=statement.snapshot.processor_id, fact=fact, recorded_at=now))

    def _statement(self, deed: str, now: datetime) -> Statement:
        chance, number = self.chance, len(self.statements)
        second = now.replace(microsecond=0)
        snapshot = Snapshot(
            processor_id=f"sub_{self.name}_{chance.randrange(2)}",
            customer_processor_id=self.account.processor_id,
            livemode=False,
            state=self._state(now),
        )
        if deed == "answer":
            asked = now - timedelta(seconds=chance.choice([0, 0.2, 3, 40]))
            answered = Statement.answered(
                snapshot, key=f"key_{self.name}_{number}", asked_at=asked, processor_time=asked
            )
            return replace(answered, source=chance.choice([FactSource.FETCH, FactSource.COMMAND]))
        ago = {"late": chance.choice([60, 3600, 86400, 9 * 86400]), "ahead": -chance.randrange(1, 6)}.get(deed, 0)
        occurred_at = second - timedelta(seconds=ago)
        if deed == "rival" and self.told:
            occurred_at = self.told[-1].fact.occurred_at.replace(microsecond=0)
        return Statement(
            source=FactSource.EVENT,
            type=f"customer.subscription.{chance.choice(KINDS)}",
            event_id=f"evt_{self.name}_{number}",
            occurred_at=occurred_at,
            snapshot=snapshot,
        )

    def _state(self, now: datetime) -> SubscriptionState:
        chance = self.chance
        ends = now.replace(microsecond=0) + timedelta(days=chance.choice([-4, -1, 0, 1, 30]))
        items = tuple(
            Item(
                processor_id=f"si_{number}",
                price_id=price,
                quantity=chance.choice([None, 0, 1, 4, 40]),
                current_period_end=chance.choice([None, ends, ends]),
            )
            for number, price in enumerate(chance.sample(PRICES, chance.choice([1, 1, 2])))
        )
        return SubscriptionState(
            status=chance.choice(STATUSES),
            items=items,
            ended_at=now if chance.random() < 0.05 else None,
            pause_collection=PauseCollection() if chance.random() < 0.08 else None,
        )

    async def _grant(self, session: Session, now: datetime) -> None:
        chance = self.chance
        feature, limit = chance.choice([("sso", None), ("api", None), (None, "seats"), (None, "robots")])
        granted = Granted(
            override_id=OverrideId(f"ovr_{self.name}_{len(self.gifts)}"),
            feature=feature,
            limit=limit,
            value=0 if limit is None else chance.choice([1, 6, UNLIMITED]),
            expires_at=chance.choice([None, now + timedelta(minutes=5), now + timedelta(days=3)]),
        )
        self.gifts.append(Gift(granted=granted, at=now))
        session.add(
            Override(
                id=granted.override_id,
                customer_id=self.customer.id,
                feature=feature,
                limit_key=limit,
                value=None if limit is None else granted.value,
                reason="a test",
                created_by="test",
                created_at=now,
                expires_at=granted.expires_at,
            )
        )

    async def _revoke(self, session: Session, now: datetime) -> None:
        if living := [gift for gift in self.gifts if gift.revoked_at is None]:
            gift = self.chance.choice(living)
            row = await session.get_one(Override, gift.granted.override_id)
            gift.revoked_at = row.revoked_at = now
            row.revoked_by = row.revoked_reason = "test"

    async def _close(self, session: Session, now: datetime, *, closing: bool) -> None:
        if closing:
            await close_customer(session, owner=self.owner, at=now + timedelta(days=14), now=now)
        else:
            await reopen_customer(session, owner=self.owner, now=now)
        self.closings.append((now, closing))

"""Whatever a host counts against a limit of the catalog: one holder row each, one counter per customer and key.

Claiming is exact under any concurrency and constant in time; releasing never asks for a limit. The counter equals the
holder rows, always. Seats have a room of their own, because invitations expire there.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing import Owner, find_customer
from domain.db import Base, Key, Session, count_changed, insert_into
from domain.entitlements.billables import Billable, payer_of
from domain.entitlements.gate import Entitlements
from domain.entitlements.snapshot import customers_by_payers
from domain.errors import LimitReached
from domain.ids import CustomerId

LONGEST = 255


class CountedPool(Base):
    """How many of something one customer has taken."""

    __tablename__ = "counted_pools"

    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    used: Mapped[int] = mapped_column(default=0)

    __table_args__ = (CheckConstraint("used >= 0", name="used_not_negative"),)


class CountedHolder(Base):
    """One of them, by the host's own id of what takes it."""

    __tablename__ = "counted_holders"

    customer_id: Mapped[CustomerId] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    holder_id: Mapped[str] = mapped_column(Key, primary_key=True)

    __table_args__ = (ForeignKeyConstraint(["customer_id", "key"], ["counted_pools.customer_id", "counted_pools.key"]),)


# Made once: everything that comes or goes runs these.
_POOLS, _HOLDERS = cast("Table", CountedPool.__table__), cast("Table", CountedHolder.__table__)
_HERE = and_(_POOLS.c.customer_id == bindparam("customer"), _POOLS.c.key == bindparam("of_key"))
_LOCK = select(_POOLS.c.used).where(_HERE).with_for_update(key_share=True)
_TAKE = update(_POOLS).where(_HERE).values(used=_POOLS.c.used + 1)
_TAKE_BELOW = _TAKE.where(_POOLS.c.used < bindparam("limit"))
_GIVE_BACK = update(_POOLS).where(_HERE).values(used=_POOLS.c.used - 1)
_THE_HOLDER = and_(
    _HOLDERS.c.customer_id == bindparam("customer"),
    _HOLDERS.c.key == bindparam("of_key"),
    _HOLDERS.c.holder_id == bindparam("holder"),
)
_IS_HELD = select(_HOLDERS.c.holder_id).where(_THE_HOLDER)
_LET_GO = delete(_HOLDERS).where(_THE_HOLDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Counts what a host names in `create_app(counted=…)`, each against the customer's limit of the same key."""

    entitlements: Entitlements
    keys: frozenset[str] = frozenset()

    @asynccontextmanager
    async def limited(
        self, session: Session, billable: Billable | None, key: str, *, holder: str
    ) -> AsyncIterator[None]:
        """Take one for `holder`, the host's own id of what the block adds, or refuse before the block begins.

        The claim and what the block writes through `session` stand and fall together, whatever becomes of the rest of
        the transaction. The limit is the customer's at this moment, read in the same transaction. What the holder has
        already it keeps, and nothing more is taken.

        Raises:
            LimitReached: everything that the limit allows is taken; nothing is allowed to whom a doubt stands against.
            ValueError: the key is not counted, or the holder is no id of 1 to 255 characters.
        """
        if key not in self.keys:
            raise ValueError(f"{key!r} is not counted; name it in create_app(counted=…)")
        if not 0 < len(holder) <= LONGEST:
            raise ValueError(f"a holder is an id of 1 to {LONGEST} characters")
        async with session.begin_nested():
            await self._take(session, billable, key, holder)
            yield

    async def claim(self, session: Session, billable: Billable | None, key: str, *, holder: str) -> None:
        """Take one for what is there already.

        Raises:
            LimitReached: everything that the limit allows is taken.
            ValueError: the key is not counted, or the holder is no id.
        """
        async with self.limited(session, billable, key, holder=holder):
            pass

    async def release(self, session: Session, billable: Billable | None, key: str, *, holder: str) -> None:
        """Give back what a holder has taken; one that has taken nothing is no fault. No limit is ever asked."""
        customer_id = await _customer_of(session, billable)
        place = {"customer": customer_id, "of_key": key}
        await _lock(session, place)
        if await count_changed(session, _LET_GO, {**place, "holder": holder}):
            await session.execute(_GIVE_BACK, place)

    async def used(self, session: Session, customer_ids: Sequence[str]) -> dict[str, Mapping[str, int]]:
        """Count what each of these customers has taken of every counted key, in one statement."""
        taken = {customer_id: dict.fromkeys(self.keys, 0) for customer_id in customer_ids}
        query = select(_POOLS).where(_POOLS.c.customer_id.in_(customer_ids), _POOLS.c.key.in_(self.keys))
        for customer_id, key, used in await session.execute(query):
            taken[customer_id][key] = used
        return {**taken}

    async def _take(self, session: Session, billable: Billable | None, key: str, holder: str) -> None:
        payer = payer_of(billable)
        customer = (await customers_by_payers(session, [payer])).get(payer) if payer else None
        if customer is None:
            raise LimitReached(key=key, limit=0)
        place = {"customer": customer.id, "of_key": key}
        await _open(session, customer.id, key)
        await _lock(session, place)
        if (await session.execute(_IS_HELD, {**place, "holder": holder})).first():
            return
        limit = await self.entitlements.limit(session, customer.id, key)
        if limit is None:
            taken = await count_changed(session, _TAKE, place)
        else:
            taken = await count_changed(session, _TAKE_BELOW, {**place, "limit": limit})
        if taken == 0:
            raise LimitReached(key=key, limit=limit or 0)
        await session.execute(insert(_HOLDERS), {"customer_id": customer.id, "key": key, "holder_id": holder})


async def _customer_of(session: Session, billable: Billable | None) -> CustomerId | None:
    """Find a billable's customer, even while its owner goes: what is held must come free."""
    payer = payer_of(billable)
    if not isinstance(payer, Owner):
        return payer
    customer = await find_customer(session, owner=payer)
    return None if customer is None else customer.id


async def _open(session: Session, customer_id: CustomerId, key: str) -> None:
    """Make the pool where there is none; whoever makes the same one waits."""
    made = insert_into(session, _POOLS).on_conflict_do_nothing()
    await session.execute(made, {"customer_id": customer_id, "key": key, "used": 0})


async def _lock(session: Session, place: dict[str, Any]) -> None:
    """Hold the pool still before its holders are touched; on SQLite a writer holds everything already."""
    if session.locks_rows:
        await session.execute(_LOCK, place)

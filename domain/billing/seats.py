"""Seats: one holder row each, and one counter per organization.

Claiming is exact under any concurrency and constant in time. Releasing never asks for a limit, a subscription or a
processor.

The counter equals the holder rows, always: both change in the same transaction as the member or the pending invitation
that they stand for.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    CheckConstraint,
    ForeignKey,
    Index,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Counter, Key, Session, UtcDateTime, closed, count_changed
from domain.errors import SeatLimitReached

Limit = Callable[[Session, str], Awaitable[int | None]]
"""Tells how many seats an organization has at this moment; None is unlimited. Asked inside the claim's transaction."""


class HolderKind(StrEnum):
    """What holds a seat."""

    MEMBER = "member"
    INVITATION = "invitation"


class SeatPool(Base):
    """The counter of one organization's seats, taken by members and by pending invitations together.

    `version` grows with every change of who holds them, in the statement that counts it.
    """

    __tablename__ = "seat_pools"

    organization_id: Mapped[str] = mapped_column(Key, primary_key=True)
    used: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(Counter, default=0, server_default=text("0"))

    __table_args__ = (CheckConstraint("used >= 0", name="used_not_negative"),)


class SeatHolder(Base):
    """One seat taken. A member's row carries the user's id; an invitation's a digest, and when it expires."""

    __tablename__ = "seat_holders"

    organization_id: Mapped[str] = mapped_column(Key, ForeignKey("seat_pools.organization_id"), primary_key=True)
    kind: Mapped[HolderKind] = mapped_column(closed(HolderKind, name="kind"), primary_key=True)
    holder_id: Mapped[str] = mapped_column(Key, primary_key=True)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "organization_id", "kind", "expires_at"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a seat. Only an invitation's holder expires, and lets its seat go by that."""

    kind: HolderKind
    id: str
    expires_at: datetime | None = None


def member(user_id: str) -> Holder:
    """Name a member as the holder of a seat."""
    return Holder(kind=HolderKind.MEMBER, id=user_id)


def invited(*, organization_id: str, email: str, expires_at: datetime | None = None) -> Holder:
    """Name an invited address as the holder of a seat: by a digest, because no personal data belongs into seats.

    An organization invites an address at most once at a time, so the two say which invitation it is.
    """
    digest = hashlib.sha256(f"{organization_id}\0{email.lower()}".encode()).hexdigest()
    return Holder(kind=HolderKind.INVITATION, id=digest, expires_at=expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCount:
    """How many seats members use and how many unexpired invitations reserve, read together.

    `next_expiry` is when the first of these invitations expires; None: there is none.
    """

    used: int
    reserved: int
    next_expiry: datetime | None = field(default=None, compare=False)


# Made once: every member and every invitation that comes or goes runs these.
_POOLS, _HOLDERS = cast("Table", SeatPool.__table__), cast("Table", SeatHolder.__table__)
_HERE = _POOLS.c.organization_id == bindparam("here")
_HELD_HERE = _HOLDERS.c.organization_id == bindparam("here")
_LOCK = select(_POOLS.c.used).where(_HERE).with_for_update(key_share=True)
_CHANGE = update(_POOLS).where(_HERE).values(version=_POOLS.c.version + 1)
_TAKE = _CHANGE.values(used=_POOLS.c.used + 1)
_TAKE_BELOW = _TAKE.where(_POOLS.c.used < bindparam("limit"))
_GIVE_BACK = _CHANGE.values(used=_POOLS.c.used - bindparam("seats"))
_THE_HOLDER = (_HELD_HERE, _HOLDERS.c.kind == bindparam("of_kind"), _HOLDERS.c.holder_id == bindparam("holder"))
_LET_GO = delete(_HOLDERS).where(*_THE_HOLDER)
_HAND_OVER = (
    update(_HOLDERS).where(*_THE_HOLDER).values(kind=HolderKind.MEMBER, holder_id=bindparam("user"), expires_at=None)
)
_LET_GO_OF_EXPIRED = delete(_HOLDERS).where(
    _HELD_HERE, _HOLDERS.c.kind == HolderKind.INVITATION, _HOLDERS.c.expires_at <= bindparam("now")
)

_ASKED: BindParameter[Any] = bindparam("asked", expanding=True)
_LIVES = _HOLDERS.c.expires_at > bindparam("now")
_INVITED = (
    select(
        _HOLDERS.c.organization_id,
        func.count().label("held"),
        func.count().filter(_LIVES).label("living"),
        func.min(_HOLDERS.c.expires_at).filter(_LIVES).label("next_expiry"),
    )
    .where(_HOLDERS.c.kind == HolderKind.INVITATION, _HOLDERS.c.organization_id.in_(_ASKED))
    .group_by(_HOLDERS.c.organization_id)
    .subquery()
)
_COUNTS = (
    select(
        _POOLS.c.organization_id,
        _POOLS.c.used - func.coalesce(_INVITED.c.held, 0),
        func.coalesce(_INVITED.c.living, 0),
        _INVITED.c.next_expiry,
    )
    .outerjoin(_INVITED, _INVITED.c.organization_id == _POOLS.c.organization_id)
    .where(_POOLS.c.organization_id.in_(_ASKED))
)


async def found(session: Session, *, organization_id: str, user_id: str) -> None:
    """Open an organization's pool with its founding owner's seat taken, without asking for a limit."""
    session.touched(organization_id)
    await session.execute(insert(_POOLS), {"organization_id": organization_id, "used": 1})
    await _hold(session, organization_id, member(user_id))


async def claim(session: Session, *, organization_id: str, holder: Holder, limit: Limit, now: datetime) -> None:
    """Take a seat for a member or an invitation, or refuse.

    Locks the pool, lets go of seats whose invitations have expired, then raises the counter only where a seat is free.

    Raises:
        SeatLimitReached: every seat is taken.
    """
    here = {"here": organization_id}
    session.touched(organization_id)
    await _lock(session, organization_id)
    await _give_back(session, organization_id, await count_changed(session, _LET_GO_OF_EXPIRED, {**here, "now": now}))
    seats = await limit(session, organization_id)
    if seats is None:
        taken = await count_changed(session, _TAKE, here)
    else:
        taken = await count_changed(session, _TAKE_BELOW, {**here, "limit": seats})
    if taken == 0:
        raise SeatLimitReached(organization_id=organization_id, limit=seats or 0)
    await _hold(session, organization_id, holder)


async def turn(session: Session, *, organization_id: str, invitation: Holder, user_id: str) -> None:
    """Let an invitation's seat become a member's; the counter stays and no limit is asked.

    An invitation that holds no seat, made before billing was wired, is given one without asking.

    Raises:
        SeatLimitReached: the organization has no pool of seats at all, being older than billing itself.
    """
    session.touched(organization_id)
    await _lock(session, organization_id)
    handed = {**_place(organization_id, invitation), "user": user_id}
    if await count_changed(session, _HAND_OVER, handed):
        await session.execute(_CHANGE, {"here": organization_id})
        return
    if await count_changed(session, _TAKE, {"here": organization_id}) == 0:
        raise SeatLimitReached(organization_id=organization_id, limit=0)
    await _hold(session, organization_id, member(user_id))


async def release(session: Session, *, organization_id: str, holder: Holder) -> None:
    """Give a seat back; a seat that is not held is no fault and changes nothing."""
    session.touched(organization_id)
    if holder.kind is HolderKind.INVITATION:
        # A claim may be letting go of the same seat, because it has expired.
        await _lock(session, organization_id)
    held = await count_changed(session, _LET_GO, _place(organization_id, holder))
    await _give_back(session, organization_id, held)


async def counts(session: Session, organization_ids: Sequence[str], *, now: datetime) -> dict[str, SeatCount]:
    """Read the seats of many organizations in one statement, at a cost that does not grow with their members."""
    rows = await session.execute(_COUNTS, {"asked": organization_ids, "now": now})
    return {id: SeatCount(used=used, reserved=reserved, next_expiry=expiry) for id, used, reserved, expiry in rows}


async def _lock(session: Session, organization_id: str) -> None:
    """Hold the pool still before its holders are touched; on SQLite a writer holds everything already."""
    if session.locks_rows:
        await session.execute(_LOCK, {"here": organization_id})


def _place(organization_id: str, holder: Holder) -> dict[str, Any]:
    return {"here": organization_id, "of_kind": holder.kind, "holder": holder.id}


async def _hold(session: Session, organization_id: str, holder: Holder) -> None:
    values = {
        "organization_id": organization_id,
        "kind": holder.kind,
        "holder_id": holder.id,
        "expires_at": holder.expires_at,
    }
    await session.execute(insert(_HOLDERS), values)


async def _give_back(session: Session, organization_id: str, seats: int) -> None:
    if seats:
        await session.execute(_GIVE_BACK, {"here": organization_id, "seats": seats})

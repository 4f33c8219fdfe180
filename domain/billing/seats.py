"""Seats: one holder row each, and one counter per organization.

Claiming is exact under any concurrency and constant in time. Releasing never asks for a limit, a subscription or a
processor.

The counter equals the holder rows, always: both change in the same transaction as the member they stand for.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CheckConstraint, CursorResult, ForeignKey, Index, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Key, Session, UtcDateTime, closed
from domain.errors import SeatLimitReached

Limit = Callable[[Session, str], Awaitable[int | None]]
"""Tells how many seats an organization has at this moment; None is unlimited. Asked inside the claim's transaction."""


class HolderKind(StrEnum):
    """What holds a seat."""

    MEMBER = "member"
    INVITATION = "invitation"


class SeatPool(Base):
    """The counter of one organization's seats, taken by members and by pending invitations together."""

    __tablename__ = "seat_pools"

    organization_id: Mapped[str] = mapped_column(Key, primary_key=True)
    used: Mapped[int] = mapped_column(default=0)

    __table_args__ = (CheckConstraint("used >= 0", name="used_not_negative"),)


class SeatHolder(Base):
    """One seat taken. A member's row carries the user's id; an invitation's its own, and when it expires."""

    __tablename__ = "seat_holders"

    organization_id: Mapped[str] = mapped_column(Key, ForeignKey("seat_pools.organization_id"), primary_key=True)
    kind: Mapped[HolderKind] = mapped_column(closed(HolderKind, name="kind"), primary_key=True)
    holder_id: Mapped[str] = mapped_column(Key, primary_key=True)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "organization_id", "kind", "expires_at"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCount:
    """How many seats members use and how many unexpired invitations reserve, read together."""

    used: int
    reserved: int


async def found(session: Session, *, organization_id: str, user_id: str) -> None:
    """Open an organization's pool with its founding owner's seat taken, without asking for a limit."""
    session.add(SeatPool(organization_id=organization_id, used=1))
    await session.flush()
    session.add(SeatHolder(organization_id=organization_id, kind=HolderKind.MEMBER, holder_id=user_id))


async def claim(session: Session, *, organization_id: str, user_id: str, limit: Limit, now: datetime) -> None:
    """Take a seat for a user, or refuse.

    Locks the pool, lets go of seats whose invitations have expired, then raises the counter only where a seat is free.

    Raises:
        SeatLimitReached: every seat is taken.
    """
    await session.execute(
        select(SeatPool.used).where(SeatPool.organization_id == organization_id).with_for_update(key_share=True)
    )
    await _let_go_of_expired(session, organization_id, now)
    seats = await limit(session, organization_id)
    grown = update(SeatPool).where(SeatPool.organization_id == organization_id).values(used=SeatPool.used + 1)
    if seats is not None:
        grown = grown.where(SeatPool.used < seats)
    if await _count(session, grown) == 0:
        raise SeatLimitReached(organization_id=organization_id, limit=seats or 0)
    session.add(SeatHolder(organization_id=organization_id, kind=HolderKind.MEMBER, holder_id=user_id))


async def release(session: Session, *, organization_id: str, user_id: str) -> None:
    """Give a user's seat back; a seat that is not held is no fault and changes nothing."""
    held = delete(SeatHolder).where(
        SeatHolder.organization_id == organization_id,
        SeatHolder.kind == HolderKind.MEMBER,
        SeatHolder.holder_id == user_id,
    )
    await _shrink(session, organization_id, await _count(session, held))


async def counts(session: Session, organization_ids: Sequence[str], *, now: datetime) -> dict[str, SeatCount]:
    """Read the seats of many organizations in one statement, at a cost that does not grow with their members."""
    invitations = (
        select(
            SeatHolder.organization_id,
            func.count().label("held"),
            func.count().filter(SeatHolder.expires_at > now).label("living"),
        )
        .where(SeatHolder.kind == HolderKind.INVITATION, SeatHolder.organization_id.in_(organization_ids))
        .group_by(SeatHolder.organization_id)
        .subquery()
    )
    query = (
        select(
            SeatPool.organization_id,
            SeatPool.used - func.coalesce(invitations.c.held, 0),
            func.coalesce(invitations.c.living, 0),
        )
        .outerjoin(invitations, invitations.c.organization_id == SeatPool.organization_id)
        .where(SeatPool.organization_id.in_(organization_ids))
    )
    rows = await session.execute(query)
    return {organization_id: SeatCount(used=used, reserved=reserved) for organization_id, used, reserved in rows}


async def _let_go_of_expired(session: Session, organization_id: str, now: datetime) -> None:
    expired = delete(SeatHolder).where(
        SeatHolder.organization_id == organization_id,
        SeatHolder.kind == HolderKind.INVITATION,
        SeatHolder.expires_at <= now,
    )
    await _shrink(session, organization_id, await _count(session, expired))


async def _shrink(session: Session, organization_id: str, by: int) -> None:
    if by:
        pool = update(SeatPool).where(SeatPool.organization_id == organization_id)
        await session.execute(pool.values(used=SeatPool.used - by))


async def _count(session: Session, statement: Any) -> int:
    return cast("CursorResult[Any]", await session.execute(statement)).rowcount

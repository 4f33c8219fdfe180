"""How often somebody may try something, counted in the database, so that all processes count together."""

from datetime import datetime, timedelta
from functools import partial
from math import ceil

from sqlalchemy import Index, case, delete, update
from sqlalchemy.orm import Mapped, mapped_column

from domain.clock import Clock
from domain.db import Base, Database, Key, Session, UtcDateTime, insert_into
from domain.errors import RateLimited


class RateCount(Base):
    """How many tries a bucket has had since its window began."""

    __tablename__ = "rate_counts"

    bucket: Mapped[str] = mapped_column(Key, primary_key=True)
    tries: Mapped[int]
    resets_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "resets_at"),)


async def spend(database: Database, clock: Clock, *, bucket: str, most: int, window: timedelta) -> None:
    """Count one try, in a transaction of its own, whatever becomes of what is tried.

    Raises:
        RateLimited: the bucket has had `most` tries in this window.
        Unavailable: the database could not be reached.
    """
    now = clock.now()
    tries, resets_at = await database.run(partial(_count, bucket=bucket, now=now, window=window))
    if tries > most:
        raise RateLimited(retry_after_seconds=max(1, ceil((resets_at - now).total_seconds())))


async def give_back(database: Database, *, bucket: str) -> None:
    """Take one try off a bucket's count: it turned out to be none of those that are limited."""

    async def work(session: Session) -> None:
        counted = update(RateCount).where(RateCount.bucket == bucket, RateCount.tries > 0)
        await session.execute(counted.values(tries=RateCount.tries - 1))

    await database.run(work)


async def prune(database: Database, clock: Clock) -> int:
    """Delete the counts of windows that are over, and say how many."""

    async def work(session: Session) -> int:
        gone = delete(RateCount).where(RateCount.resets_at <= clock.now()).returning(RateCount.bucket)
        return len((await session.execute(gone)).all())

    return await database.run(work)


async def _count(session: Session, *, bucket: str, now: datetime, window: timedelta) -> tuple[int, datetime]:
    over = RateCount.resets_at <= now
    statement = (
        insert_into(session, RateCount)
        .values(bucket=bucket, tries=1, resets_at=now + window)
        .on_conflict_do_update(
            index_elements=[RateCount.bucket],
            set_={
                "tries": case((over, 1), else_=RateCount.tries + 1),
                "resets_at": case((over, now + window), else_=RateCount.resets_at),
            },
        )
        .returning(RateCount.tries, RateCount.resets_at)
    )
    tries, resets_at = (await session.execute(statement)).one()
    return tries, resets_at

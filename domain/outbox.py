"""Effects outside the database: written as rows in the transaction that wants them, carried out afterwards.

At least once each, until they succeed or are given up after 20 attempts; so every effect must bear repetition.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Index, delete, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.clock import Clock
from domain.db import Base, Counter, Database, JsonDocument, Key, Session, UtcDateTime
from domain.errors import contained
from domain.telemetry import Attribute, Signal, Told

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 20
LONGEST_WAIT = timedelta(hours=1)

Deliver = Callable[[dict[str, Any]], Awaitable[None]]


class OutboxMessage(Base):
    """One effect to carry out. `due_at` null means given up."""

    __tablename__ = "outbox_messages"

    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    topic: Mapped[str] = mapped_column(Key)
    key: Mapped[str] = mapped_column(Key)
    payload: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "due_at"), Index(None, "topic", "key"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits: how many are due, for how long the oldest of them has been, and how many have been given up."""

    due: int
    lag: timedelta
    given_up: int


async def backlog(session: Session, *, now: datetime) -> Backlog:
    """Tell what waits at `now`, in one indexed statement."""
    given_up = select(func.count()).where(OutboxMessage.due_at.is_(None)).scalar_subquery()
    query = select(func.count(), func.min(OutboxMessage.due_at), given_up).where(OutboxMessage.due_at <= now)
    due, oldest, gone = (await session.execute(query)).one()
    return Backlog(due=due, lag=now - oldest if oldest else timedelta(), given_up=gone)


async def put(session: Session, *, topic: str, key: str, payload: dict[str, Any], at: datetime) -> None:
    """Ask for an effect; it happens after this transaction has committed, or not at all."""
    session.info["effects"] = True
    session.add(OutboxMessage(topic=topic, key=key, payload=payload, created_at=at, due_at=at))
    await session.flush()


async def put_all(
    session: Session, *, topic: str, messages: Sequence[tuple[str, dict[str, Any]]], at: datetime
) -> None:
    """Ask for many effects of one topic at once, each a key and a payload, in this order."""
    if messages:
        session.info["effects"] = True
        shared = {"topic": topic, "created_at": at, "due_at": at}
        await session.execute(
            insert(OutboxMessage), [{**shared, "key": key, "payload": payload} for key, payload in messages]
        )


async def put_once(session: Session, *, topic: str, key: str, payload: dict[str, Any], at: datetime) -> None:
    """Ask for an effect whose handler looks at things as they are then, unless the same one waits untried.

    The one that waits is held still, so that it cannot be carried out before this transaction has committed.
    """
    waits = (
        select(OutboxMessage)
        .where(OutboxMessage.topic == topic, OutboxMessage.key == key, OutboxMessage.attempts == 0)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if (await session.execute(waits)).scalar_one_or_none() is None:
        await put(session, topic=topic, key=key, payload=payload, at=at)


async def deliver_due(database: Database, clock: Clock, handlers: Mapping[str, Deliver]) -> int:
    """Carry out what is due, one message at a time, and say how many were tried."""
    tried = 0
    while leased := await database.run(partial(_leased, now=clock.now(), topics=list(handlers))):
        [message] = leased
        outcome = await contained(handlers[message.topic](message.payload), log=log, where=f"outbox {message.topic}")
        await database.run(partial(_settle, id=message.id, failed=outcome.error is not None, now=clock.now()))
        tried += 1
    return tried


async def deliver_together(
    database: Database, clock: Clock, topic: str, deliver: Callable[..., Awaitable[None]], *, most: int = 100
) -> int:
    """Carry out what is due of one topic, up to `most` at once in one call of `deliver`, and say how many it was.

    Raises:
        Exception: what `deliver` raises; then all of them are due again when their lease has run out.
    """
    messages = await database.run(partial(_leased, now=clock.now(), topics=[topic], most=most))
    if messages:
        await deliver(*(message.payload for message in messages))
        await database.run(partial(_forget, ids=[message.id for message in messages]))
    return len(messages)


async def _leased(session: Session, *, now: datetime, topics: list[str], most: int = 1) -> Sequence[OutboxMessage]:
    due = (
        select(OutboxMessage)
        .where(OutboxMessage.due_at <= now, OutboxMessage.topic.in_(topics))
        .order_by(OutboxMessage.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    messages = (await session.execute(due)).scalars().all()
    for message in messages:
        message.attempts += 1
        message.due_at = now + LEASE
    return messages


async def _forget(session: Session, *, ids: list[int]) -> None:
    await session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(ids)))


async def _settle(session: Session, *, id: int, failed: bool, now: datetime) -> None:
    message = await session.get(OutboxMessage, id, with_for_update=True)
    if message is None:
        # The lease ran out meanwhile, and somebody else has carried it out too.
        return
    if not failed:
        await session.delete(message)
    elif message.attempts >= MAX_ATTEMPTS:
        message.due_at = None
        told: Told = {Attribute.BOX: "outbox", Attribute.SOURCE: message.topic, Attribute.MESSAGE_ID: message.id}
        session.signal(Signal.DEAD_LETTER, told)
    else:
        message.due_at = now + min(timedelta(seconds=2 ** (message.attempts - 1)), LONGEST_WAIT)

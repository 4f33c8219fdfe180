"""Events in the ledger, and the means to change what may not be changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text, update

from domain import audit, ids
from domain.audit import Head, SealedEvent, Sealer, Verdict
from domain.audit.models import AuditEvent, AuditSeal, UnsealedEvent
from domain.db import Database, Session
from domain.ids import AuditEventId, OrganizationId, Prefix
from domain.scope import Actor, ActorKind, Scope
from tests.support.clock import FixedClock
from tests.support.tables import execute

KEY, NEWER_KEY = "k" * 32, "n" * 32
ANN = Scope(actor=Actor(kind=ActorKind.USER, id="usr_ann"), request_id="request-1", label="Ann")


async def write(database: Database, at: datetime, **changes: Any) -> None:
    """Record one event in a transaction of its own."""
    given: dict[str, Any] = {"scope": ANN, "at": at, "subject_id": "mem_bob", "action": "membership.added"} | changes
    action = given.pop("action")
    async with database.transaction() as session:
        await audit.record(session, action, **given)


async def write_many(database: Database, clock: FixedClock, number: int) -> None:
    """Record so many events, one second apart, in one transaction."""

    async def body(session: Session) -> None:
        for _ in range(number):
            at = clock.forward(seconds=1)
            await audit.record(session, "membership.added", scope=ANN, at=at, subject_id="mem_bob")

    await database.run(body)


async def write_whole(database: Database, at: datetime, number: int = 1) -> None:
    """Write events with something in every column, which no command does yet."""
    for place in range(number):
        moment = at + timedelta(seconds=place)
        id = AuditEventId(ids.new(Prefix.AUDIT_EVENT, at=moment))
        async with database.transaction() as session:
            session.add(UnsealedEvent(occurred_at=moment, audit_event_id=id))
            session.add(
                AuditEvent(
                    id=id,
                    occurred_at=moment,
                    action="membership.added",
                    actor_kind="user",
                    actor_id="usr_ann",
                    effective_actor_kind="user",
                    effective_actor_id="usr_eve",
                    organization_id=OrganizationId("org_acme"),
                    subject_id="mem_bob",
                    request_id="request-1",
                    idempotency_key="key-1",
                    actor_label="a" * 64,
                    subject_label="b" * 64,
                    before={"role": "MEMBER"},
                    after={"role": "ADMIN"},
                )
            )


async def seal(database: Database, *keys: str) -> int:
    return await Sealer(database=database, keys=keys or (KEY,)).seal()


async def verdict(database: Database, *, keys: Sequence[str] = (KEY,), heads: Sequence[Head] = ()) -> Verdict:
    return await audit.verify(database, keys=keys, heads=heads)


async def chain(database: Database) -> list[tuple[int, str]]:
    """Read the sequence and the event of each seal."""
    query = select(AuditSeal.sequence, AuditSeal.audit_event_id).order_by(AuditSeal.sequence)
    async with database.snapshot() as session:
        return [(sequence, id) for sequence, id in (await session.execute(query)).all()]


async def ids_in_order(database: Database) -> list[str]:
    query = select(AuditEvent.id).order_by(AuditEvent.occurred_at, AuditEvent.id)
    async with database.snapshot() as session:
        return list((await session.execute(query)).scalars())


async def let_change(database: Database, *tables: str) -> None:
    """Take the triggers away, as somebody could who owns the database."""
    for table in tables:
        if database.dialect == "sqlite":
            await execute(database, f"DROP TRIGGER {table}_no_update", f"DROP TRIGGER {table}_no_delete")
        else:
            await execute(database, f"DROP FUNCTION {table}_append_only() CASCADE")


async def change(database: Database, model: Any, column: str, value: Any, *where: Any) -> None:
    """Write a value into a column past every rule."""
    async with database.transaction() as session:
        await session.execute(update(model).where(*where).values({column: value}))


async def add_row(database: Database, model: Any, **values: Any) -> None:
    async with database.transaction() as session:
        await session.execute(insert(model).values(**values))


async def set_raw(database: Database, statement: str, **values: Any) -> None:
    async with database.transaction() as session:
        await session.execute(text(statement), values)


class Listener:
    """Remembers what it was told; does first what the test says."""

    def __init__(self, name: str = "listener", actions: tuple[str, ...] | None = None) -> None:
        self.name = name
        self.actions = actions
        self.told: list[SealedEvent] = []
        self.failing = 0

    async def forward(self, event: SealedEvent) -> None:
        if self.failing:
            self.failing -= 1
            raise RuntimeError("not now")
        self.told.append(event)

    @property
    def sequences(self) -> list[int]:
        return [event.sequence for event in self.told]

"""Idempotency keys: the same call with the same key has one effect and one answer. Only successes are remembered.

The row is written in the command's own transaction, so that a refusal or a crash leaves no trace of the key. A command
that goes through several transactions claims the key in the first and finishes or frees it in the last.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Index, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.clock import Clock
from domain.db import Base, Database, JsonDocument, Key, Session, UtcDateTime
from domain.errors import IdempotencyInProgress, IdempotencyMismatch, InvalidInput

KEPT = timedelta(hours=24)
LONGEST_KEY = 64
PRUNED_AT_ONCE = 500

Answer = dict[str, Any]
"""What is needed to give the answer again: ids, never secrets and never rows."""


class IdempotencyRecord(Base):
    """A key that somebody has used for an operation. `answer` null: the command has not finished."""

    __tablename__ = "idempotency_keys"

    actor_id: Mapped[str] = mapped_column(Key, primary_key=True)
    operation: Mapped[str] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    digest: Mapped[str] = mapped_column(Key)
    answer: Mapped[Answer | None] = mapped_column(JsonDocument)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "created_at"),)


def digest_of(input: object) -> str:
    """Make the digest of an input, given as plain JSON without the key itself."""
    return hashlib.sha256(json.dumps(input, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A key in use: whose (the `name` of a scope, so that two users of one API key never meet), for which operation."""

    actor_id: str
    operation: str
    key: str

    def sign(self, session: Session) -> None:
        """Let the audit rows of this transaction name the key."""
        session.info["idempotency_key"] = self.key

    async def finish(self, session: Session, answer: Answer) -> None:
        """Remember what came of the command; it stays if the transaction does, and a key that is gone stays gone."""
        record = await session.get(IdempotencyRecord, self._place)
        if record is not None:
            record.answer = answer

    async def forget(self, session: Session) -> None:
        """Free the key: what it was used for has come to nothing."""
        record = await session.get(IdempotencyRecord, self._place)
        if record is not None:
            await session.delete(record)

    @property
    def _place(self) -> tuple[str, str, str]:
        return self.actor_id, self.operation, self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Claim):
    """One call as its key names it: who calls, what, under which key, with which input, and when."""

    digest: str
    now: datetime

    def __post_init__(self) -> None:
        """Check the key.

        Raises:
            InvalidInput: it is not 1 to 64 printable ASCII characters.
        """
        if not 1 <= len(self.key) <= LONGEST_KEY or not (self.key.isascii() and self.key.isprintable()):
            raise InvalidInput(
                f"A key has 1 to {LONGEST_KEY} printable ASCII characters.", path=["input", "idempotencyKey"]
            )

    async def begin(self, session: Session) -> Answer | None:
        """Claim the key for the command that this transaction carries out; give the answer when that is done already.

        Finished keys are kept for 24 hours and are unused after that; one whose command has not finished stays.

        Raises:
            IdempotencyMismatch: the key was used for another input.
            IdempotencyInProgress: the first call has not finished; it is not waited for.
        """
        if session.locks_rows and not await _alone(session, *self._place):
            raise IdempotencyInProgress
        self.sign(session)
        known = await session.get(IdempotencyRecord, self._place)
        if known is not None and known.answer is not None and known.created_at <= self.now - KEPT:
            await session.delete(known)
            await session.flush()
            known = None
        if known is None:
            actor_id, operation, key = self._place
            session.add(
                IdempotencyRecord(
                    actor_id=actor_id, operation=operation, key=key, digest=self.digest, created_at=self.now
                )
            )
            return None
        if known.digest != self.digest:
            raise IdempotencyMismatch
        if known.answer is None:
            raise IdempotencyInProgress
        return known.answer


async def prune(database: Database, clock: Clock) -> int:
    """Delete finished keys that are older than 24 hours, 500 at once, and say how many."""
    return await database.run(partial(_prune, before=clock.now() - KEPT))


async def _prune(session: Session, *, before: datetime) -> int:
    columns = IdempotencyRecord.actor_id, IdempotencyRecord.operation, IdempotencyRecord.key
    finished = IdempotencyRecord.answer.is_not(None)
    old = select(*columns).where(IdempotencyRecord.created_at <= before, finished).limit(PRUNED_AT_ONCE)
    found = (await session.execute(old)).all()
    for actor_id, operation, key in found:
        await session.execute(
            delete(IdempotencyRecord).where(
                IdempotencyRecord.actor_id == actor_id,
                IdempotencyRecord.operation == operation,
                IdempotencyRecord.key == key,
            )
        )
    return len(found)


async def _alone(session: Session, *names: str) -> bool:
    """Take the key for this transaction; no when a twin has it. SQLite lets one writer in at a time anyway."""
    stable = hashlib.blake2b("\0".join(names).encode(), digest_size=8).digest()
    number = int.from_bytes(stable, "big", signed=True)
    return bool((await session.execute(select(func.pg_try_advisory_xact_lock(number)))).scalar_one())

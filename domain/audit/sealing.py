"""The chain: one seal for each event, each over the seal before it, so that no event can be changed or taken unseen.

A seal is HMAC-SHA256 under a secret key over the bytes of the previous seal (32 zeros before the first) and the
canonical form of the event, written as 64 lower-case hex digits.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, tuple_

from domain.audit.canonical import COLUMNS, canonical
from domain.audit.models import AuditEvent, AuditSeal, UnsealedEvent
from domain.db import Database, Lookup, Session

BATCH = 200
ONE_SEALER = 5_190_642_837_715_026
"""The key of PostgreSQL's lock that one sealer at a time holds."""

_ANY = Lookup(select(UnsealedEvent.audit_event_id).limit(1))
_NEXT = (
    select(*COLUMNS)
    .join(UnsealedEvent, UnsealedEvent.audit_event_id == AuditEvent.id)
    .order_by(UnsealedEvent.occurred_at, UnsealedEvent.audit_event_id)
    .limit(BATCH)
)
_HEAD = select(AuditSeal.sequence, AuditSeal.seal).order_by(AuditSeal.sequence.desc()).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A place in the chain: how many seals there are up to it, and the last of them. Kept elsewhere, it is a proof."""

    sequence: int
    seal: str


BEGINNING = Head(sequence=0, seal="00" * sha256().digest_size)
"""Where the chain begins."""


def seal_of(previous: str, event: RowMapping, *, key: str) -> str:
    """Make the seal of an event, given as its columns by name, after another seal."""
    return hmac.digest(key.encode(), bytes.fromhex(previous) + canonical(event), sha256).hex()


async def head_of(session: Session) -> Head:
    """Read the end of the chain."""
    found = (await session.execute(_HEAD)).one_or_none()
    return BEGINNING if found is None else Head(sequence=found.sequence, seal=found.seal)


class Sealer:
    """Appends seals. The first of `keys` signs. Any number of processes may try; one at a time does."""

    def __init__(self, *, database: Database, keys: Sequence[str]) -> None:
        self._database = database
        self._key = keys[0]

    async def seal(self) -> int:
        """Seal what has been committed, in the order of time and then id, and say how many events that were.

        Each batch is one transaction, so a sealer that dies leaves whole batches or nothing. An event that is committed
        late, with an earlier time than one that is sealed already, is sealed after it.
        """
        total = 0
        while await self._database.look_up(_ANY):
            sealed = await self._database.run(self._batch)
            total += sealed
            if sealed < BATCH:
                break
        return total

    async def seal_due(self) -> int:
        """Seal everything and say that nothing is left, so that a busy ledger never keeps the worker from resting."""
        await self.seal()
        return 0

    async def _batch(self, session: Session) -> int:
        if not await _alone(session):
            return 0
        events = (await session.execute(_NEXT)).mappings().all()
        if not events:
            return 0
        head = await head_of(session)
        seals: list[dict[str, Any]] = []
        for event in events:
            head = Head(sequence=head.sequence + 1, seal=seal_of(head.seal, event, key=self._key))
            seals.append({"sequence": head.sequence, "audit_event_id": event["id"], "seal": head.seal})
        await session.execute(insert(AuditSeal), seals)
        place = tuple_(UnsealedEvent.occurred_at, UnsealedEvent.audit_event_id)
        sealed = [(event["occurred_at"], event["id"]) for event in events]
        await session.execute(delete(UnsealedEvent).where(place.in_(sealed)))
        return len(events)


async def _alone(session: Session) -> bool:
    """Become the one sealer for this transaction; no when another is. SQLite lets one writer in at a time anyway."""
    if not session.locks_rows:
        return True
    return bool((await session.execute(select(func.pg_try_advisory_xact_lock(ONE_SEALER)))).scalar_one())

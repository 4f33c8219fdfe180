"""The sealed ledger as lines of JSON, to be kept where nobody who can write to the database can reach."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator

from sqlalchemy import select

from domain.audit.canonical import COLUMNS, canonical
from domain.audit.models import AuditEvent, AuditSeal
from domain.audit.sealing import Head, head_of
from domain.db import Database
from domain.errors import InvalidInput

BATCH = 500

_SEALED = (
    select(AuditSeal.sequence, AuditSeal.seal, *COLUMNS)
    .join(AuditEvent, AuditEvent.id == AuditSeal.audit_event_id)
    .order_by(AuditSeal.sequence)
    .limit(BATCH)
)


async def head(database: Database) -> Head:
    """Read the end of the chain.

    Raises:
        Unavailable: the database could not be reached.
    """
    async with database.snapshot() as session:
        return await head_of(session)


async def export(database: Database, *, since: int = 0, until: Head) -> AsyncIterator[str]:
    """Give a line for each sealed event after `since` up to `until`, then one for `until` itself.

    `event` is the canonical form, byte for byte: who has the key can check a seal from the lines alone. Labels are left
    out, because what has left cannot be erased. Memory does not grow with the ledger.

    Raises:
        Unavailable: the database could not be reached.
    """
    place = since
    while place < until.sequence:
        query = _SEALED.where(AuditSeal.sequence > place, AuditSeal.sequence <= until.sequence)
        async with database.snapshot() as session:
            rows = (await session.execute(query)).mappings().all()
        for row in rows:
            event = canonical({column.key: row[column] for column in COLUMNS}).decode()
            yield f'{{"sequence":{row["sequence"]},"seal":"{row["seal"]}","event":{event}}}'
        place = rows[-1]["sequence"] if len(rows) == BATCH else until.sequence
    yield json.dumps({"sequence": until.sequence, "seal": until.seal}, separators=(",", ":"))


def read_heads(lines: Iterable[str]) -> Iterator[Head]:
    """Read the places in the chain that exported lines tell of; every line tells of one.

    Raises:
        InvalidInput: a line is none of an export; it says which.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            sequence, seal = told["sequence"], told["seal"]
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput(f"Line {number} is not of an export.") from error
        if type(sequence) is not int or not isinstance(seal, str):
            raise InvalidInput(f"Line {number} is not of an export.")
        yield Head(sequence=sequence, seal=seal)

"""Does the ledger still say what it said? Read from its first seal to its last, in batches, whatever its length.

Found are: a changed, missing or added event; a changed, missing or moved seal; a changed label; and, by heads that were
exported earlier, a chain that was cut short or written anew by somebody who has a key. What was never sealed (the tail)
is only counted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sqlalchemy import Executable, RowMapping, and_, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import aliased

from domain.audit.canonical import COLUMNS
from domain.audit.ledger import digest_of
from domain.audit.models import AuditEvent, AuditLabel, AuditSeal, LabelPart, UnsealedEvent
from domain.audit.sealing import BEGINNING, Head, seal_of
from domain.db import Database, Session

T = TypeVar("T")
BATCH = 500
TOLD_TROUBLES = 100

Progress = Callable[[int, int], None]
"""Told how many rows have been looked at, of how many."""

_ACTOR, _SUBJECT = aliased(AuditLabel), aliased(AuditLabel)
_EVENTS = (
    select(
        AuditEvent.id,
        AuditSeal.sequence,
        UnsealedEvent.audit_event_id.label("unsealed"),
        AuditEvent.actor_label.label("actor_digest"),
        AuditEvent.subject_label.label("subject_digest"),
        _ACTOR.label.label("actor_label"),
        _ACTOR.salt.label("actor_salt"),
        _SUBJECT.label.label("subject_label"),
        _SUBJECT.salt.label("subject_salt"),
    )
    .outerjoin(AuditSeal, AuditSeal.audit_event_id == AuditEvent.id)
    .outerjoin(
        UnsealedEvent,
        and_(UnsealedEvent.occurred_at == AuditEvent.occurred_at, UnsealedEvent.audit_event_id == AuditEvent.id),
    )
    .outerjoin(_ACTOR, and_(_ACTOR.audit_event_id == AuditEvent.id, _ACTOR.part == LabelPart.ACTOR))
    .outerjoin(_SUBJECT, and_(_SUBJECT.audit_event_id == AuditEvent.id, _SUBJECT.part == LabelPart.SUBJECT))
    .order_by(AuditEvent.id)
    .limit(BATCH)
)
_SEALS = select(AuditSeal.sequence, AuditSeal.audit_event_id, AuditSeal.seal).order_by(AuditSeal.sequence).limit(BATCH)
_LOST = (
    select(UnsealedEvent.audit_event_id)
    .outerjoin(AuditEvent, AuditEvent.id == UnsealedEvent.audit_event_id)
    .where(AuditEvent.id.is_(None))
    .limit(BATCH)
)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found. `unsealed` events are the tail that the sealer has not reached; nothing proves them yet.

    `troubles` holds the first 100 of `trouble_count`, each in one sentence without a name or an address.
    """

    head: Head = BEGINNING
    seals: int = 0
    events: int = 0
    unsealed: int = 0
    heads: int = 0
    trouble_count: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        """Say whether nothing is wrong."""
        return self.trouble_count == 0

    def note(self, trouble: str) -> None:
        """Count a trouble, and keep it while there are few."""
        self.trouble_count += 1
        if len(self.troubles) < TOLD_TROUBLES:
            self.troubles.append(trouble)


async def verify(
    database: Database, *, keys: Sequence[str], heads: Iterable[Head] = (), progress: Progress | None = None
) -> Verdict:
    """Check every seal under any of `keys`, every event and label, and that each of `heads` is in the chain.

    Sealing may go on meanwhile. Memory does not grow with the ledger.

    Raises:
        Unavailable: the database could not be reached.
    """
    async with database.snapshot() as session:
        counts = [select(func.count()).select_from(table) for table in (AuditSeal, AuditEvent)]
        total = sum([(await session.execute(count)).scalar_one() for count in counts])
    walk = _Walk(database, keys, total=total, progress=progress)
    await walk.seals()
    await walk.events()
    await walk.lost()
    await walk.heads(heads)
    return walk.verdict


class _Walk:
    """One reading of the ledger from end to end."""

    def __init__(self, database: Database, keys: Sequence[str], *, total: int, progress: Progress | None) -> None:
        self._database = database
        self._keys = list(keys)
        self._total = total
        self._progress = progress
        self.verdict = Verdict()

    async def seals(self) -> None:
        """Follow the chain, and hold each seal against its event."""
        # A number below 1 cannot be, so the first batch begins before all numbers.
        query = _SEALS
        while True:
            async with self._database.snapshot() as session:
                found = await _readable(session, query)
                if found is None or not all(map(_is_seal, found)):
                    after = self.verdict.head.sequence
                    self.verdict.note(
                        f"A seal after number {after} cannot be read; the chain was not followed further."
                    )
                    return
                events = await _events(session, [row["audit_event_id"] for row in found])
            for row in found:
                self._seal(row, events.get(row["audit_event_id"]))
            self._tell()
            if len(found) < BATCH:
                return
            query = _SEALS.where(AuditSeal.sequence > self.verdict.head.sequence)

    def _seal(self, row: RowMapping, event: RowMapping | None) -> None:
        sequence, seal = row["sequence"], row["seal"]
        previous = self.verdict.head
        if sequence != previous.sequence + 1:
            self.verdict.note(f"Where seal {previous.sequence + 1} should be, there is {sequence}.")
        if event is None:
            self.verdict.note(f"The event of seal {sequence} is not there, or cannot be read.")
        elif not self._right(previous.seal, seal, event):
            self.verdict.note(f"Seal {sequence} does not fit its event {event['id']} and the seal before it.")
        self.verdict.head = Head(sequence=sequence, seal=seal)
        self.verdict.seals += 1

    def _right(self, previous: str, seal: object, event: RowMapping) -> bool:
        """Try each key, the one that fitted last first: a chain changes its key seldom."""
        for key in self._keys:
            try:
                expected = seal_of(previous, event, key=key)
            except (ValueError, TypeError):
                # The seal before is no seal at all.
                return False
            if expected == seal:
                self._keys.remove(key)
                self._keys.insert(0, key)
                return True
        return False

    async def events(self) -> None:
        """See that each event is sealed or waits for it, never both or neither, and hold labels against digests."""
        after = ""
        while True:
            async with self._database.snapshot() as session:
                found = await _readable(session, _EVENTS.where(AuditEvent.id > after))
            if found is None or not all(isinstance(row["id"], str) for row in found):
                self.verdict.note(f"An event or a label after {after or 'the beginning'} cannot be read.")
                return
            for row in found:
                self._event(row)
            self._tell()
            if len(found) < BATCH:
                return
            after = found[-1]["id"]

    def _event(self, row: RowMapping) -> None:
        sealed, waiting = row["sequence"] is not None, row["unsealed"] is not None
        if sealed == waiting:
            how = "both sealed and waiting for its seal" if sealed else "neither sealed nor waiting for its seal"
            self.verdict.note(f"The event {row['id']} is {how}.")
        for part in LabelPart:
            label, digest = row[f"{part}_label"], row[f"{part}_digest"]
            if label is not None and (digest is None or digest_of(str(label), salt=str(row[f"{part}_salt"])) != digest):
                self.verdict.note(f"The label of the {part} of event {row['id']} is not the one that was recorded.")
        self.verdict.events += 1
        self.verdict.unsealed += waiting

    async def lost(self) -> None:
        """Find events that were taken before they could be sealed."""
        async with self._database.snapshot() as session:
            found = (await session.execute(_LOST)).scalars().all()
        for id in found:
            self.verdict.note(f"The event {id} is gone; it had not been sealed yet.")

    async def heads(self, heads: Iterable[Head]) -> None:
        """Find each head in the chain: one that is not there tells that the chain was cut or written anew."""
        for some in _batches(heads):
            query = select(AuditSeal.sequence, AuditSeal.seal)
            async with self._database.snapshot() as session:
                rows = await _readable(session, query.where(AuditSeal.sequence.in_([head.sequence for head in some])))
            known = {row["sequence"]: row["seal"] for row in rows or ()} | {BEGINNING.sequence: BEGINNING.seal}
            for head in some:
                if known.get(head.sequence) != head.seal:
                    self.verdict.note(
                        f"The exported head {head.sequence} is not in the chain: it was cut or rewritten."
                    )
                self.verdict.heads += 1

    def _tell(self) -> None:
        if self._progress is not None:
            done = self.verdict.seals + self.verdict.events
            self._progress(done, max(done, self._total))


def _is_seal(row: RowMapping) -> bool:
    """Say whether a seal holds what its columns are for; SQLite lets them hold anything."""
    return type(row["sequence"]) is int and isinstance(row["audit_event_id"], str)


async def _events(session: Session, ids: Sequence[str]) -> dict[str, RowMapping]:
    """Read events by id; if one among them cannot be read, one by one, without those that cannot."""
    found = await _readable(session, select(*COLUMNS).where(AuditEvent.id.in_(ids)))
    if found is None:
        single = [await _readable(session, select(*COLUMNS).where(AuditEvent.id == id)) for id in ids]
        found = [row for rows in single for row in rows or ()]
    return {row["id"]: row for row in found}


async def _readable(session: Session, query: Executable) -> Sequence[RowMapping] | None:
    """Read rows; None when a value among them is no value of its column's type, which SQLite may hold all the same."""
    try:
        result = await session.execute(query)
        return result.mappings().all()
    except (ValueError, TypeError):
        return None
    except OperationalError as error:
        if "Could not decode" in str(error):
            return None
        raise


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch

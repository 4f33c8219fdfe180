"""What may not be changed is changed, past the triggers, and must be found."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from domain import audit
from domain.audit import BEGINNING, Head
from domain.audit.models import AuditEvent, AuditLabel, AuditSeal, UnsealedEvent
from domain.db import Database, open_database
from tests.support import ledger
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.tables import scalar

TABLES = ("audit_events", "audit_seals")
EVENT_COLUMNS = [column.key for column in AuditEvent.__table__.columns]
SEAL_COLUMNS = [column.key for column in AuditSeal.__table__.columns]
LABEL_COLUMNS = ["label", "salt"]


@pytest.fixture
async def opened(database: Database, clock: FixedClock) -> Database:
    """Three sealed events with every column filled, and no trigger in the way."""
    await ledger.write_whole(database, clock.now(), 3)
    await ledger.seal(database)
    await ledger.let_change(database, *TABLES)
    assert (await ledger.verdict(database)).fine
    return database


def flipped(value: Any) -> Any:
    """Change one bit of a value, so that it stays a value of its column's type."""
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond ^ 1)
    if isinstance(value, int):
        return value ^ 64
    if isinstance(value, dict):
        return {name: flipped(each) for name, each in value.items()}
    return f"{value[:-1]}{chr(ord(value[-1]) ^ 1)}"


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("column", EVENT_COLUMNS)
async def test_one_bit_of_any_column_of_any_event_is_found(opened: Database, column: str, place: int) -> None:
    id = (await ledger.ids_in_order(opened))[place]
    async with opened.snapshot() as session:
        value = (await session.execute(select(getattr(AuditEvent, column)).where(AuditEvent.id == id))).scalar_one()

    await ledger.change(opened, AuditEvent, column, flipped(value), AuditEvent.id == id)

    assert not (await ledger.verdict(opened)).fine


@pytest.mark.parametrize("column", [name for name in EVENT_COLUMNS if AuditEvent.__table__.columns[name].nullable])
async def test_a_column_that_is_emptied_is_found(opened: Database, column: str) -> None:
    (id, *_) = await ledger.ids_in_order(opened)

    await ledger.change(opened, AuditEvent, column, None, AuditEvent.id == id)

    found = await ledger.verdict(opened)
    assert found.troubles == [f"Seal 1 does not fit its event {id} and the seal before it."]


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("column", SEAL_COLUMNS)
async def test_one_bit_of_any_column_of_any_seal_is_found(opened: Database, column: str, place: int) -> None:
    async with opened.snapshot() as session:
        query = select(getattr(AuditSeal, column)).where(AuditSeal.sequence == place)
        value = (await session.execute(query)).scalar_one()

    await ledger.change(opened, AuditSeal, column, flipped(value), AuditSeal.sequence == place)

    assert not (await ledger.verdict(opened)).fine


@pytest.mark.parametrize("sequence", [-3, 0])
async def test_a_seal_before_the_beginning_is_found(opened: Database, sequence: int) -> None:
    await ledger.change(opened, AuditSeal, "sequence", sequence, AuditSeal.sequence == 3)

    assert not (await ledger.verdict(opened)).fine


@pytest.mark.parametrize("seal", ["", "not hex", "A" * 64])
async def test_what_is_no_seal_is_found(opened: Database, seal: str) -> None:
    await ledger.change(opened, AuditSeal, "seal", seal, AuditSeal.sequence == 1)

    assert (await ledger.verdict(opened)).trouble_count == 2


@pytest.mark.parametrize("column", LABEL_COLUMNS)
@pytest.mark.parametrize("part", ["actor", "subject"])
async def test_one_bit_of_a_label_is_found(database: Database, clock: FixedClock, column: str, part: str) -> None:
    await ledger.write(database, clock.now(), subject_label="Bob", subject_person="usr_bob")
    async with database.snapshot() as session:
        query = select(getattr(AuditLabel, column)).where(AuditLabel.part == part)
        value = (await session.execute(query)).scalar_one()

    await ledger.change(database, AuditLabel, column, flipped(value), AuditLabel.part == part)

    (id,) = await ledger.ids_in_order(database)
    found = await ledger.verdict(database)
    assert found.troubles == [f"The label of the {part} of event {id} is not the one that was recorded."]


async def test_a_label_of_an_event_that_had_none_is_found(opened: Database) -> None:
    (id, *_) = await ledger.ids_in_order(opened)
    await ledger.change(opened, AuditEvent, "actor_label", None, AuditEvent.id == id)

    await ledger.add_row(opened, AuditLabel, audit_event_id=id, part="actor", person_id="p", label="Eve", salt="s")

    assert (await ledger.verdict(opened)).trouble_count == 2


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_an_event_that_was_taken_is_found(opened: Database, place: int) -> None:
    id = (await ledger.ids_in_order(opened))[place]

    await _delete(opened, delete(AuditEvent).where(AuditEvent.id == id))

    assert (await ledger.verdict(opened)).troubles == [
        f"The event of seal {place + 1} is not there, or cannot be read."
    ]


@pytest.mark.parametrize("place", [1, 2])
async def test_an_event_that_was_taken_with_its_seal_is_found(opened: Database, place: int) -> None:
    id = (await ledger.ids_in_order(opened))[place - 1]

    await _delete(opened, delete(AuditEvent).where(AuditEvent.id == id), delete(AuditSeal).where(_at(place)))

    found = await ledger.verdict(opened)
    assert found.troubles[0] == f"Where seal {place} should be, there is {place + 1}."


async def test_the_end_of_the_chain_that_was_cut_is_found_by_an_exported_head(opened: Database) -> None:
    exported = await audit.head(opened)
    id = (await ledger.ids_in_order(opened))[-1]

    await _delete(opened, delete(AuditEvent).where(AuditEvent.id == id), delete(AuditSeal).where(_at(3)))

    assert (await ledger.verdict(opened)).fine, "nothing in the ledger itself can tell"
    assert not (await ledger.verdict(opened, heads=[exported])).fine


async def test_a_chain_written_anew_by_somebody_with_the_key_is_found_by_an_exported_head(opened: Database) -> None:
    exported = await audit.head(opened)
    (id, *_) = await ledger.ids_in_order(opened)
    await ledger.change(opened, AuditEvent, "action", "nothing.happened", AuditEvent.id == id)
    async with opened.snapshot() as session:
        events = (await session.execute(select(AuditEvent.id, AuditEvent.occurred_at))).all()
    await _delete(opened, delete(AuditSeal))
    for event in events:
        await ledger.add_row(opened, UnsealedEvent, audit_event_id=event.id, occurred_at=event.occurred_at)
    await ledger.seal(opened)

    assert (await ledger.verdict(opened)).fine, "nothing in the ledger itself can tell"
    found = await ledger.verdict(opened, heads=[BEGINNING, exported])
    assert found.troubles == ["The exported head 3 is not in the chain: it was cut or rewritten."]
    assert found.heads == 2


async def test_an_event_that_was_put_in_is_found(opened: Database, clock: FixedClock) -> None:
    at = clock.now() + timedelta(seconds=1)
    values = {
        "id": "aud_x",
        "occurred_at": at,
        "action": "a.b",
        "actor_kind": "user",
        "actor_id": "u",
        "subject_id": "s",
    }

    await ledger.add_row(opened, AuditEvent, **values)

    assert (await ledger.verdict(opened)).troubles == ["The event aud_x is neither sealed nor waiting for its seal."]


async def test_the_tail_is_told_and_proves_nothing_yet(opened: Database, clock: FixedClock) -> None:
    await ledger.write(opened, clock.forward(hours=1))

    found = await ledger.verdict(opened)

    assert (found.fine, found.seals, found.unsealed, found.events) == (True, 3, 1, 4)


async def test_an_event_that_was_taken_from_the_tail_alone_is_found(opened: Database, clock: FixedClock) -> None:
    await ledger.write(opened, clock.forward(hours=1))
    id = (await ledger.ids_in_order(opened))[-1]

    await _delete(opened, delete(AuditEvent).where(AuditEvent.id == id))

    assert (await ledger.verdict(opened)).troubles == [f"The event {id} is gone; it had not been sealed yet."]


async def test_an_event_that_is_sealed_and_waits_all_the_same_is_found(opened: Database, clock: FixedClock) -> None:
    (id, *_) = await ledger.ids_in_order(opened)

    await ledger.add_row(opened, UnsealedEvent, audit_event_id=id, occurred_at=clock.now())

    assert (await ledger.verdict(opened)).troubles == [f"The event {id} is both sealed and waiting for its seal."]


async def test_a_ledger_under_another_key_is_not_believed(opened: Database) -> None:
    found = await ledger.verdict(opened, keys=["x" * 32])

    assert found.trouble_count == 3


async def test_an_empty_ledger_is_fine(database: Database) -> None:
    found = await ledger.verdict(database, heads=[BEGINNING])

    assert (found.fine, found.head, found.seals) == (True, BEGINNING, 0)


async def test_a_head_that_was_never_exported_is_found(opened: Database) -> None:
    found = await ledger.verdict(opened, heads=[Head(sequence=2, seal="0" * 64), Head(sequence=99, seal="0" * 64)])

    assert found.trouble_count == 2


async def test_few_of_many_troubles_are_told_and_all_are_counted(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 120)
    await ledger.seal(database)

    found = await ledger.verdict(database, keys=["x" * 32])

    assert (found.trouble_count, len(found.troubles)) == (120, 100)


async def test_progress_grows_up_to_the_whole(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 700)
    await ledger.seal(database)
    told: list[tuple[int, int]] = []

    await audit.verify(database, keys=[ledger.KEY], progress=lambda done, total: told.append((done, total)))

    assert told == [(500, 1400), (700, 1400), (1200, 1400), (1400, 1400)]


class TestBytesThatAreNoValue:
    """SQLite keeps what it is given, whatever the type of the column."""

    @pytest.fixture
    async def damaged(self, sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Database]:
        database = open_database(sqlite.fresh(tmp_path))
        await ledger.write(database, clock.now(), after={"a": 1}, subject_label="Bob", subject_person="usr_bob")
        await ledger.write(database, clock.forward(seconds=1))
        await ledger.seal(database)
        await ledger.let_change(database, *TABLES)
        yield database
        await database.aclose()

    @pytest.mark.parametrize(
        "deed",
        [
            "UPDATE audit_events SET occurred_at = 'x' WHERE {}",
            "UPDATE audit_events SET occurred_at = 7 WHERE {}",
            "UPDATE audit_events SET after = '{{' WHERE {}",
            "UPDATE audit_events SET action = x'ff' WHERE {}",
            "UPDATE audit_events SET action = CAST(x'ff' AS TEXT) WHERE {}",
            "UPDATE audit_events SET actor_label = CAST(x'ff' AS TEXT) WHERE {}",
            "UPDATE audit_events SET id = x'ff' WHERE {}",
            "UPDATE audit_labels SET label = CAST(x'ff' AS TEXT)",
            "UPDATE audit_labels SET label = x'ff'",
            "UPDATE audit_seals SET seal = CAST(x'ff' AS TEXT)",
            "UPDATE audit_seals SET seal = x'ff'",
            "UPDATE audit_seals SET sequence = 'x' WHERE sequence = 1",
            "UPDATE audit_seals SET audit_event_id = x'ff' WHERE sequence = 1",
        ],
    )
    async def test_it_is_found_and_stops_nothing(self, damaged: Database, deed: str) -> None:
        (id, _) = await ledger.ids_in_order(damaged)

        await ledger.set_raw(damaged, deed.format(f"id = '{id}'"))

        assert not (await ledger.verdict(damaged)).fine
        assert await scalar(damaged, "SELECT 1") == 1


def _at(place: int) -> Any:
    return AuditSeal.sequence == place


async def _delete(database: Database, *deeds: Any) -> None:
    async with database.transaction() as session:
        for deed in deeds:
            await session.execute(deed)

from datetime import UTC, datetime

from sqlalchemy import event, select

from domain import audit
from domain.audit.canonical import COLUMNS, canonical
from domain.audit.ledger import digest_of
from domain.audit.models import AuditEvent, AuditLabel, LabelPart
from domain.db import Database
from domain.scope import Role, system
from domain.wiring import Services
from tests.support import ledger
from tests.support.clock import FixedClock
from tests.support.tables import scalar
from tests.support.wired import member, organization, user


async def labels_of(database: Database) -> dict[str, tuple[str, str]]:
    async with database.snapshot() as session:
        rows = (await session.execute(select(AuditLabel))).scalars()
        return {row.part: (row.person_id, row.label) for row in rows}


async def test_names_stand_apart_from_the_row_which_holds_their_digests(database: Database, clock: FixedClock) -> None:
    await ledger.write(database, clock.now(), subject_label="bob@example.com", subject_person="usr_bob")

    async with database.snapshot() as session:
        row = (await session.execute(select(AuditEvent))).scalar_one()
        labels = {label.part: label for label in (await session.execute(select(AuditLabel))).scalars()}
    assert await labels_of(database) == {"actor": ("usr_ann", "Ann"), "subject": ("usr_bob", "bob@example.com")}
    assert row.actor_label == digest_of("Ann", salt=labels[LabelPart.ACTOR].salt)
    assert row.subject_label == digest_of("bob@example.com", salt=labels[LabelPart.SUBJECT].salt)
    assert labels[LabelPart.ACTOR].salt != labels[LabelPart.SUBJECT].salt


async def test_a_part_of_seatgate_has_no_name_to_erase(database: Database, clock: FixedClock) -> None:
    await ledger.write(database, clock.now(), scope=system("worker"))

    assert await labels_of(database) == {}
    assert await scalar(database, "SELECT actor_label FROM audit_events") is None


async def test_erasing_a_person_takes_their_names_everywhere_and_leaves_the_chain_right(
    database: Database, clock: FixedClock
) -> None:
    await ledger.write(database, clock.now(), subject_label="Bob", subject_person="usr_bob")
    await ledger.write(database, clock.forward(seconds=1), subject_label="Ann", subject_person="usr_ann")
    await ledger.seal(database)

    await database.run(lambda session: audit.erase(session, person_id="usr_ann"))

    assert await labels_of(database) == {"subject": ("usr_bob", "Bob")}
    assert (await ledger.verdict(database)).fine


async def test_several_events_of_one_transaction_are_sent_together(database: Database, clock: FixedClock) -> None:
    sent: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *given: sent.append(given[2]))

    async with database.transaction() as session:
        for _ in range(3):
            await audit.record(
                session,
                "membership.added",
                scope=ledger.ANN,
                at=clock.now(),
                subject_id="mem_bob",
                subject_label="Bob",
            )

    assert len([statement for statement in sent if statement.startswith("INSERT")]) == 3


async def test_commands_name_who_acts_and_whom_they_are_about(services: Services) -> None:
    ann = await user(services, "ann")
    bob = await user(services, "bob")
    acme = await organization(services, ann)
    await member(services, acme, bob, Role.MEMBER)
    membership = await scalar(services.database, "SELECT id FROM memberships WHERE role = 'MEMBER'")

    async with services.database.transaction() as session:
        await services.members.remove(session, scope=ann, membership_id=membership)

    async with services.database.snapshot() as session:
        about = select(AuditEvent.action, AuditLabel.part, AuditLabel.person_id, AuditLabel.label).join(
            AuditLabel, AuditLabel.audit_event_id == AuditEvent.id
        )
        found = set(map(tuple, (await session.execute(about)).all()))
    assert found == {
        ("user.registered", "actor", ann.actor.id, "ann"),
        ("user.registered", "subject", ann.actor.id, "ann"),
        ("user.registered", "actor", bob.actor.id, "bob"),
        ("user.registered", "subject", bob.actor.id, "bob"),
        ("membership.removed", "subject", bob.actor.id, "bob"),
    }


async def test_every_column_of_an_event_is_in_its_canonical_form(database: Database, clock: FixedClock) -> None:
    await ledger.write_whole(database, clock.now())

    async with database.snapshot() as session:
        row = (await session.execute(select(*COLUMNS))).mappings().one()
    text = canonical(row).decode()
    assert [column.key for column in COLUMNS if f'"{column.key}":' not in text] == []


async def test_the_canonical_form_is_the_same_on_both_engines(database: Database) -> None:
    at = datetime(2026, 11, 21, 12, 0, 0, 70, tzinfo=UTC)
    after = {"z": [1.0, 1e22, 1e-7, 2.5, None, True], "ä": {"b": "\u20ac", "a": -3}}
    await ledger.write(database, at, scope=system("worker"), after=after)

    async with database.snapshot() as session:
        row = (await session.execute(select(*COLUMNS))).mappings().one()
    assert canonical(row).decode() == (
        '{"action":"membership.added","actor_id":"worker","actor_kind":"system","after":'
        '{"z":[1,10000000000000000000000,1e-07,2.5,null,true],"\\u00e4":{"a":-3,"b":"\\u20ac"}},'
        f'"id":"{row["id"]}","occurred_at":"2026-11-21T12:00:00.000070Z","subject_id":"mem_bob"}}'
    )

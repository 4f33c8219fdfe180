import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from domain import audit
from domain.audit import EventFilter, Timelines
from domain.audit.models import AuditEvent
from domain.db import Database, Page, Session, page_of
from domain.errors import Forbidden, InvalidInput
from domain.scope import Actor, ActorKind, Role, Scope, system
from tests.support import ledger
from tests.support.clock import FixedClock
from tests.support.tables import execute

ORIGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MANY = 6000


def timelines(scope: Scope = ledger.ANN, role: Role | None = Role.OWNER) -> Timelines:
    async def roles_of(_: Session, ids: Sequence[str]) -> dict[str, Role]:
        return {} if role is None else {id: role for id in ids if id == "org_1"}

    return Timelines(scope=scope, roles_of=roles_of)


ALL = timelines(system("test"))


async def read(
    database: Database,
    reading: Timelines = ALL,
    organization: str | None = None,
    page: Page | None = None,
    **narrowed: Any,
) -> list[AuditEvent] | None:
    async with database.snapshot() as session:
        role = (await reading.roles_of(session, [organization or ""])).get(organization or "")
        listing = reading.events(organization, role=role, narrowed=EventFilter(**narrowed))
        return None if listing is None else list((await page_of(session, listing, page or Page(size=50))).rows)


async def actions(database: Database, **given: Any) -> list[str]:
    return [row.action for row in await read(database, **given) or ()]


@pytest.fixture
async def written(database: Database, clock: FixedClock) -> Database:
    """Four events: a and b of one organization, c of another, d of none."""
    for name, organization, actor in (("a", "org_1", "usr_1"), ("b", "org_1", "usr_2"), ("c", "org_2", "usr_1")):
        scope = Scope(actor=Actor(kind=ActorKind.USER, id=actor))
        at = clock.forward(seconds=1)
        await ledger.write(
            database, at, action=f"x.{name}", organization_id=organization, scope=scope, subject_id=f"mem_{name}"
        )
    await ledger.write(database, clock.forward(seconds=1), action="x.d", scope=system("worker"), subject_id="mem_a")
    return database


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "dcba"),
        ({"organization": "org_1"}, "ba"),
        ({"organization": "org_none"}, ""),
        ({"actions": ("x.a",)}, "a"),
        ({"actions": ("x.a", "x.c", "x.a", "x.z")}, "ca"),
        ({"actions": ()}, ""),
        ({"actor_id": "usr_1"}, "ca"),
        ({"actor_id": "worker"}, "d"),
        ({"subject_id": "mem_a"}, "da"),
        ({"since": ORIGIN + timedelta(seconds=3)}, "dc"),
        ({"until": ORIGIN + timedelta(seconds=3)}, "cba"),
        ({"since": ORIGIN + timedelta(seconds=2), "until": ORIGIN + timedelta(seconds=3)}, "cb"),
        ({"organization": "org_1", "actor_id": "usr_1"}, "a"),
        ({"actor_id": "usr_1", "actions": ("x.b", "x.c")}, "c"),
        ({"subject_id": "mem_a", "actor_id": "worker", "actions": ("x.d",), "since": ORIGIN}, "d"),
    ],
)
async def test_everything_that_is_asked_for_holds(written: Database, given: dict[str, Any], found: str) -> None:
    assert [name[-1] for name in await actions(written, **given)] == list(found)


async def test_an_actor_is_found_by_whom_they_acted_for_too_and_once(database: Database, clock: FixedClock) -> None:
    await ledger.write_whole(database, clock.now())
    await ledger.let_change(database, "audit_events")

    assert len(await read(database, actor_id="usr_ann") or ()) == 1
    assert len(await read(database, actor_id="usr_eve") or ()) == 1
    await ledger.change(database, AuditEvent, "actor_id", "usr_eve")
    assert len(await read(database, actor_id="usr_eve") or ()) == 1


@pytest.mark.parametrize("narrowed", [{}, {"actions": ("x.a", "x.b", "x.c", "x.d")}, {"actor_id": "usr_ann"}])
async def test_pages_follow_one_another_both_ways(
    database: Database, clock: FixedClock, narrowed: dict[str, Any]
) -> None:
    for number in range(7):
        # Two at a time, so that a page may end between events of one instant.
        at = clock.now() if number % 2 else clock.forward(seconds=1)
        await ledger.write(database, at, action=f"x.{'abcd'[number % 4]}")
    everything = [row.id for row in await read(database, **narrowed) or ()]
    forward: list[str] = []
    backward: list[str] = []
    async with database.snapshot() as session:
        listing = ALL.events(None, role=None, narrowed=EventFilter(**narrowed))
        assert listing is not None
        page = Page(size=3)
        while True:
            found = await page_of(session, listing, page)
            forward += [row.id for row in found.rows]
            if not found.has_next:
                break
            page = Page(size=3, after=(found.rows[-1].occurred_at, found.rows[-1].id))
        page = Page(size=3, backward=True)
        while True:
            found = await page_of(session, listing, page)
            backward = [row.id for row in found.rows] + backward
            if not found.has_previous:
                break
            page = Page(size=3, before=(found.rows[0].occurred_at, found.rows[0].id), backward=True)

    assert len(everything) == 7
    assert forward == backward == everything


async def test_an_owner_reads_their_own_organizations_events(written: Database) -> None:
    found = await read(written, timelines(), "org_1")

    assert [row.action for row in found or ()] == ["x.b", "x.a"]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN])
async def test_a_lower_role_is_forbidden(written: Database, role: Role) -> None:
    with pytest.raises(Forbidden):
        await read(written, timelines(role=role), "org_1")


async def test_an_organization_that_is_not_ones_own_is_not_there(written: Database) -> None:
    assert await read(written, timelines(), "org_2") is None
    assert await read(written, timelines(role=None), "org_1") is None


async def test_all_events_are_for_administrators(written: Database) -> None:
    with pytest.raises(Forbidden):
        await read(written, timelines())


async def test_no_more_than_20_actions_are_asked_for(database: Database) -> None:
    with pytest.raises(InvalidInput, match="20 actions"):
        await read(database, actions=tuple(f"x.a{number}" for number in range(21)))


@pytest.mark.parametrize(("role", "seen"), [(Role.OWNER, {"x.a", "x.b"}), (Role.ADMIN, set()), (None, set())])
async def test_single_events_are_read_under_the_same_rights(
    written: Database, role: Role | None, seen: set[str]
) -> None:
    ids = await ledger.ids_in_order(written)

    async with written.snapshot() as session:
        found = await timelines(role=role).by_id(session, ids)
        everything = await ALL.by_id(session, [*ids, "aud_none"])

    assert {event.action for event in found.values()} == seen
    assert len(everything) == 4


async def test_what_is_sealed_and_what_is_named_is_told_for_many_at_once(database: Database, clock: FixedClock) -> None:
    await ledger.write(database, clock.now(), subject_label="Bob")
    await ledger.seal(database)
    await ledger.write(database, clock.forward(seconds=1), scope=system("worker"))
    first, second = await ledger.ids_in_order(database)

    async with database.snapshot() as session:
        assert await audit.sealed(session, [first, second]) == {first: True}
        assert await audit.labels(session, [first, second]) == {first: {"actor": "Ann", "subject": "Bob"}}


@pytest.fixture
async def crowded(database: Database) -> Database:
    """Many events, in the proportions of a busy ledger, and statistics of them for whoever plans a query."""
    numbers = (
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})"
        if database.dialect == "sqlite"
        else f"WITH n(i) AS (SELECT generate_series(1, {MANY}))"
    )
    at = (
        "strftime('%Y-%m-%d %H:%M:%f000', '2026-11-01', '+' || i || ' seconds')"
        if database.dialect == "sqlite"
        else "timestamptz '2026-11-01' + i * interval '1 second'"
    )
    columns = "id, occurred_at, action, actor_kind, actor_id, effective_actor_id, organization_id, subject_id"
    await execute(
        database,
        f"INSERT INTO audit_events ({columns}) {numbers} SELECT 'aud_' || i, {at}, 'x.a' || (i % 10), 'user',"
        " 'usr_' || (i % 50), CASE WHEN i % 100 = 0 THEN 'usr_' || (i % 7) END, 'org_' || (i % 4),"
        " 'mem_' || (i % 40) FROM n",
        "ANALYZE",
    )
    return database


FILTERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an action": {"actions": ("x.a3",)},
    "actions": {"actions": ("x.a3", "x.a4", "x.none")},
    "an actor": {"actor_id": "usr_3"},
    "a rare actor": {"actor_id": "usr_none"},
    "a subject": {"subject_id": "mem_7"},
    "since": {"since": datetime(2026, 11, 1, 0, 10, tzinfo=UTC)},
    "until": {"until": datetime(2026, 11, 1, 0, 10, tzinfo=UTC)},
}
SECOND = Page(size=20, after=(datetime(2026, 11, 1, 1, tzinfo=UTC), "aud_5"))


@pytest.mark.parametrize("page", [Page(size=20), SECOND], ids=["first", "second"])
@pytest.mark.parametrize("organization", [None, "org_3"], ids=["all", "one"])
@pytest.mark.parametrize("name", FILTERS)
async def test_no_page_scans_the_table_or_sorts_more_than_a_page_of_each_part(
    crowded: Database, name: str, organization: str | None, page: Page
) -> None:
    plan = await explained(crowded, organization, page, FILTERS[name])

    lines = [line.strip().removeprefix("->").strip() for line in plan]
    scans = [
        line
        for line in lines
        if "SEARCH audit_events" in line or "SCAN audit_events" in line or " on audit_events" in line
    ]
    assert scans
    assert [line for line in scans if "SING INDEX" not in line and "Index Scan" not in line] == [], plan
    # SQLite sorts each part's one page once more before it merges them; that page is `anon_`.
    sorts = [
        place for place, line in enumerate(lines) if "TEMP B-TREE" in line or re.match(r"(Incremental )?Sort  ", line)
    ]
    assert [lines[place] for place in sorts if not lines[place - 1].startswith("SCAN anon_")] == [], plan


async def explained(database: Database, organization: str | None, page: Page, narrowed: dict[str, Any]) -> list[str]:
    """Let the engine tell how it would read the page that is asked for."""
    sent: list[tuple[str, Any]] = []
    listening = (database.engine.sync_engine, "before_cursor_execute", lambda *given: sent.append((given[2], given[3])))
    event.listen(*listening)
    await read(database, organization=organization, page=page, **narrowed)
    event.remove(*listening)
    ((statement, values),) = [each for each in sent if "FROM audit_events" in each[0]]
    verb = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    async with database.connection() as connection:
        if database.dialect == "postgresql":
            # A handful of rows it would rather collect and sort; here it has to show that it need not.
            await connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        rows = (await connection.exec_driver_sql(f"{verb} {statement}", values)).all()
    return [str(row[-1]) for row in rows]

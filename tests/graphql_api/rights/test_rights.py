"""Every field of the schema, asked by everybody: what the table says, and nothing written by whoever is refused."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.utils.str_converters import to_camel_case

from domain.ids import Prefix
from graphql_api.schema import build_schema
from tests.graphql_api.rights.asking import NESTED, READS, WRITES, expected, expected_reads, reads, write
from tests.graphql_api.rights.table import GROUPS, HARMLESS, MAY, ROWS
from tests.graphql_api.rights.world import CALLERS, PEOPLE, Caller, Scene, Shown, World, build, build_once, copy_of
from tests.support import tables
from tests.support.api import serving
from tests.support.clock import FixedClock
from tests.support.databases import Engine, Sqlite

ROOTS = {"Query", "Mutation", "Subscription"}


@pytest.fixture(scope="module")
def world(sqlite: Sqlite, tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_once(sqlite, tmp_path_factory.mktemp("world"))


@pytest.fixture
async def scene(world: World, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Scene]:
    async with serving(copy_of(world, tmp_path), tmp_path, clock, query=[Shown]) as api:
        yield Scene(api=api, world=world)


@pytest.mark.parametrize("name", ROWS)
def test_nobody_may_by_a_key_what_the_one_behind_it_may_not(name: str) -> None:
    may = {group for group, cell in ROWS[name].cells.items() if cell == MAY}

    # What speaks for the host stands for administrators, an organization's key for its OWNER, and elsewhere for nobody.
    for key, behind in (("host", "operator"), ("op key", "operator"), ("key", "owner"), ("other", "stranger")):
        assert behind in may or key not in may


async def nothing(_: Scene, __: Caller) -> dict[str, str]:
    return {}


def computed() -> Iterator[str]:
    """Name every field of our objects that is worked out, the roots' by themselves."""
    for kind in build_schema().schema_converter.type_map.values():
        made = kind.definition
        if isinstance(made, StrawberryObjectDefinition) and not made.is_input:
            for field in made.fields:
                if field.base_resolver is not None:
                    name = field.graphql_name or to_camel_case(field.python_name)
                    yield name if made.name in ROOTS else f"{made.name}.{name}"


def test_every_field_has_its_line_or_is_known_to_be_harmless() -> None:
    lines = {name.partition(" ")[0].partition("(")[0].rstrip(",") for name in ROWS}
    columns = {"anonymous", *GROUPS}

    assert {*computed()} <= lines | HARMLESS
    assert {f"node({prefix})" for prefix in Prefix} <= ROWS.keys()
    assert {*READS, *NESTED, *WRITES} == ROWS.keys()
    assert {caller.group for caller in CALLERS.values()} == columns
    assert PEOPLE.keys() <= columns


@pytest.mark.parametrize("who", CALLERS)
async def test_everybody_reads_what_is_theirs_to_read(scene: Scene, who: str) -> None:
    before = await scene.api.everything()

    assert await reads(scene, CALLERS[who]) == expected_reads(CALLERS[who])
    assert tables.changes(before, await scene.api.everything()) == {}


@pytest.mark.parametrize("name", WRITES)
async def test_whoever_may_writes_it_and_nobody_else_leaves_a_trace(scene: Scene, name: str) -> None:
    due = {who: expected(name, caller) for who, caller in CALLERS.items()}
    refused = [caller for who, caller in CALLERS.items() if due[who] != MAY]
    prepare, found = WRITES[name].prepare or nothing, {}
    prepared = {caller.name: await prepare(scene, caller) for caller in refused}
    before = await scene.api.everything()

    for caller in refused:
        found[caller.name] = await write(scene, name, caller, prepared[caller.name])
    assert tables.changes(before, await scene.api.everything()) == {}
    for caller in CALLERS.values():
        if caller not in refused:
            found[caller.name] = await write(scene, name, caller, await prepare(scene, caller))

    assert found == due


async def test_on_postgresql_too_everybody_reads_what_is_theirs_and_refusals_leave_no_trace(
    postgresql: Engine, tmp_path: Path, clock: FixedClock
) -> None:
    async with serving(postgresql.fresh(tmp_path), tmp_path, clock, query=[Shown]) as api:
        scene = Scene(api=api, world=await build(api))
        before = await api.everything()
        whole = [caller for caller in CALLERS.values() if ":" not in caller.name]
        asked = [name for name in WRITES if WRITES[name].prepare is None]

        heard = {caller.name: await reads(scene, caller) for caller in whole}
        for caller in whole:
            for name in asked:
                if expected(name, caller) != MAY:
                    heard[caller.name][name] = await write(scene, name, caller, {})

        assert heard == {
            caller.name: expected_reads(caller)
            | {name: due for name in asked if (due := expected(name, caller)) != MAY}
            for caller in whole
        }
        assert tables.changes(before, await api.everything()) == {}

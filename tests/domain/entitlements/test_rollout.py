"""Which catalog counts, for a process that starts, is asked to read its files again, or is left alone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from domain.db import Database, open_database
from domain.entitlements import Catalog, Rollout, catalog, find_stored, newest_period, periods
from domain.errors import ConfigError, Unavailable
from domain.scope import system
from tests.support.clock import FixedClock
from tests.support.statements import statements
from tests.support.tables import execute, scalar, unchanged

OPERATOR = system("command line")


def seats(number: int) -> str:
    return f'[plans.pro]\nlimits.seats = {number}\nfeatures = ["api"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """Starts processes on one database, each with a file of its own."""

    database: Database
    clock: FixedClock
    folder: Path

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.toml"

    def made(self, name: str, number: int, gates: tuple[str, ...] = ()) -> Rollout:
        self.file(name).write_text(seats(number))

        def check(found: Catalog) -> None:
            if faults := found.check_gates(features=gates, plans=()):
                raise ConfigError(faults)

        rollout = Rollout.of([self.file(name)], database=self.database, clock=self.clock)
        rollout.widen(check)
        return rollout

    async def started(self, name: str, number: int) -> Rollout:
        rollout = self.made(name, number)
        await rollout.start()
        return rollout

    async def periods(self) -> list[str]:
        async with self.database.snapshot() as session:
            return [period.version for period in await periods(session)]


@pytest.fixture
async def processes(database: Database, clock: FixedClock, tmp_path: Path) -> Processes:
    return Processes(database=database, clock=clock, folder=tmp_path)


def version(number: int) -> str:
    return catalog.parse({"a": seats(number)}).version


def answers_by(rollout: Rollout) -> str:
    return rollout.in_force.catalog.version


async def test_a_catalog_never_yet_in_force_comes_into_force_at_the_clocks_instant(processes: Processes) -> None:
    at = processes.clock.now()
    await processes.started("a", 1)

    recorded = await newest_period(processes.database)

    assert recorded is not None
    assert recorded.catalog == catalog.parse({"a": seats(1)})
    assert (recorded.period.version, recorded.period.in_force_at) == (version(1), at)


async def test_a_process_that_starts_with_the_catalog_in_force_reads_once_and_writes_nothing(
    processes: Processes,
) -> None:
    await processes.started("a", 1)

    async with unchanged(processes.database):
        with statements(processes.database, looking_for_catalogs=True) as sent:
            again = await processes.started("b", 1)

    assert (answers_by(again), len(sent)) == (version(1), 1)


async def test_a_process_that_starts_late_with_older_files_follows_and_says_so(
    processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    await processes.started("a", 1)
    await processes.started("b", 2)

    async with unchanged(processes.database):
        late = await processes.started("c", 1)

    assert answers_by(late) == version(2)
    assert f"the files hold a catalog of before ({version(1)})" in caplog.text


async def test_others_follow_when_they_look(processes: Processes) -> None:
    first = await processes.started("a", 1)
    await processes.started("b", 2)
    before = answers_by(first)

    await first.follow()

    assert (before, answers_by(first)) == (version(1), version(2))


async def test_files_read_again_come_into_force_once(processes: Processes) -> None:
    rollout = await processes.started("a", 1)
    processes.file("a").write_text(seats(2))

    await rollout.reload()
    await rollout.reload()

    assert answers_by(rollout) == version(2)
    assert await processes.periods() == [version(2), version(1)]


async def test_files_of_before_are_followed_no_more_when_read_again(processes: Processes) -> None:
    rollout = await processes.started("a", 1)
    await processes.started("b", 2)

    async with unchanged(processes.database):
        await rollout.reload()

    assert answers_by(rollout) == version(2)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("grace = 3\n[plans.pro]\nlimits.seats = 0", ["grace: unknown key", "plans.pro.limits.seats: must be"]),
        ("[plans.pro]\nlimits.seats = 2", ["gate: no plan declares the feature 'api'"]),
    ],
)
async def test_files_at_fault_change_nothing_and_every_fault_is_told(
    processes: Processes, caplog: pytest.LogCaptureFixture, written: str, told: list[str]
) -> None:
    rollout = processes.made("a", 1, gates=("api",))
    await rollout.start()
    processes.file("a").write_text(written)

    async with unchanged(processes.database):
        await rollout.reload()

    assert answers_by(rollout) == version(1)
    assert [fault for fault in told if fault not in caplog.text] == []


async def test_faults_of_all_gates_are_told_at_once(processes: Processes, caplog: pytest.LogCaptureFixture) -> None:
    rollout = processes.made("a", 1, gates=("api",))

    def counted(found: Catalog) -> None:
        if found.seat_limit != "seats":
            raise ConfigError(["nothing counts seats"])

    rollout.widen(counted)
    await rollout.start()
    processes.file("a").write_text('seat_limit = "desks"\n[default.limits]\ndesks = 1')

    await rollout.reload()

    assert answers_by(rollout) == version(1)
    assert ("declares the feature 'api'" in caplog.text, "nothing counts seats" in caplog.text) == (True, True)


async def test_a_catalog_that_lacks_what_a_gate_asks_for_is_followed_and_told_of(
    processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    rollout = processes.made("a", 1, gates=("api",))
    await rollout.start()
    other = await processes.started("b", 1)
    without = catalog.parse({"b": "[plans.pro]\nlimits.seats = 2"})
    await other.apply(without, scope=OPERATOR)

    await rollout.follow()

    assert answers_by(rollout) == without.version
    assert "gate: no plan declares the feature 'api'" in caplog.text


class TestApplying:
    async def test_it_goes_back_to_a_catalog_of_before_and_tells_which_it_replaced(self, processes: Processes) -> None:
        first = await processes.started("a", 1)
        second = await processes.started("b", 2)

        applied = await first.apply(catalog.parse({"a": seats(1)}), scope=OPERATOR)

        await second.follow()
        assert applied is not None
        assert applied.replaced is not None
        assert (applied.period.version, applied.replaced.version) == (version(1), version(2))
        assert (await processes.periods(), answers_by(second)) == ([version(1), version(2), version(1)], version(1))
        audited = "SELECT count(*) FROM audit_events WHERE action = 'catalog.applied' AND subject_id = :version"
        assert await scalar(processes.database, audited, version=version(1)) == 1

    async def test_the_one_in_force_stays_and_nothing_is_written(self, processes: Processes) -> None:
        rollout = await processes.started("a", 1)

        async with unchanged(processes.database):
            assert await rollout.apply(rollout.in_force.catalog, scope=OPERATOR) is None

    async def test_one_that_lacks_what_a_gate_asks_for_is_refused(self, processes: Processes) -> None:
        rollout = processes.made("a", 1, gates=("api",))
        await rollout.start()

        async with unchanged(processes.database):
            with pytest.raises(ConfigError, match="no plan declares the feature 'api'"):
                await rollout.apply(catalog.parse({}), scope=OPERATOR)

    async def test_the_first_one_ever_replaces_nothing(self, processes: Processes) -> None:
        applied = await processes.made("a", 1).apply(catalog.parse({"a": seats(1)}), scope=OPERATOR)

        assert applied is not None
        assert applied.replaced is None


async def test_two_new_catalogs_at_once_end_in_one_order_that_all_follow(
    processes: Processes, database_url: str, clock: FixedClock
) -> None:
    databases = [open_database(database_url) for _ in range(4)]
    files = [processes.file(str(number)) for number in range(4)]
    for number, file in enumerate(files):
        file.write_text(seats(number + 1))
    rollouts = [
        Rollout.of([file], database=database, clock=clock) for file, database in zip(files, databases, strict=True)
    ]

    await asyncio.gather(*(rollout.start() for rollout in rollouts))
    for rollout in rollouts:
        await rollout.follow()

    order = await processes.periods()
    assert sorted(order) == sorted(version(number + 1) for number in range(4))
    assert {answers_by(rollout) for rollout in rollouts} == {order[0]}
    for database in databases:
        await database.aclose()


async def test_a_clock_that_is_late_begins_no_period_before_the_last_one(processes: Processes) -> None:
    at = processes.clock.now()
    await processes.started("a", 1)
    processes.clock.forward(hours=-1)

    await processes.started("b", 2)

    recorded = await newest_period(processes.database)
    assert recorded is not None
    assert recorded.period.in_force_at == at


@pytest.mark.parametrize("damage", ["{}", '{"plans": {}, "on_sunday": "rest"}', '{"plans": {"pro": 1}}'])
async def test_a_stored_catalog_that_cannot_be_read_keeps_the_one_at_hand(
    processes: Processes, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    first = await processes.started("a", 1)
    await processes.started("b", 2)
    await execute(
        processes.database,
        f"UPDATE catalogs SET document = '{damage}' WHERE version = '{version(2)}'".replace(":", r"\:"),
    )

    await first.follow()
    await first.follow()

    assert answers_by(first) == version(1)
    assert caplog.text.count("cannot be read") == 1


async def test_a_period_is_never_changed_nor_taken_out(processes: Processes) -> None:
    await processes.started("a", 1)

    async with unchanged(processes.database):
        for statement in ("UPDATE catalog_periods SET sequence = 7", "DELETE FROM catalog_periods"):
            with pytest.raises(DBAPIError, match="append"):
                await execute(processes.database, statement)


class TestRunning:
    """A process that lives: it looks every second, and at once when asked to read its files again."""

    @pytest.fixture
    async def living(self, processes: Processes) -> AsyncIterator[Rollout]:
        rollout = await processes.started("a", 1)
        task = asyncio.create_task(rollout.run())
        yield rollout
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def until(self, rollout: Rollout, wanted: str) -> None:
        async with asyncio.timeout(60):
            while answers_by(rollout) != wanted:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)

    async def test_it_follows_the_others(self, processes: Processes, living: Rollout) -> None:
        await processes.started("b", 2)

        await self.until(living, version(2))

    async def test_it_reads_its_files_when_asked_and_not_before(self, processes: Processes, living: Rollout) -> None:
        processes.file("a").write_text(seats(2))
        await living.follow()
        before = answers_by(living)

        living.reload_soon()

        await self.until(living, version(2))
        assert before == version(1)

    async def test_a_database_that_is_away_costs_nothing_but_time(
        self, processes: Processes, living: Rollout, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.CRITICAL)
        await execute(processes.database, "ALTER TABLE catalog_periods RENAME TO away")
        processes.file("a").write_text(seats(2))
        living.reload_soon()
        with pytest.raises((Unavailable, DBAPIError)):
            await living.follow()
        while_away = answers_by(living)

        await execute(processes.database, "ALTER TABLE away RENAME TO catalog_periods")

        await self.until(living, version(2))
        assert while_away == version(1)


async def test_a_stored_catalog_is_found_by_the_beginning_of_its_version(processes: Processes) -> None:
    await processes.started("a", 1)
    await processes.started("b", 2)

    async with processes.database.snapshot() as session:
        assert (await find_stored(session, version(1)[:12])).version == version(1)
        for wrong in ("0" * 64, ""):
            with pytest.raises(ConfigError):
                await find_stored(session, wrong)

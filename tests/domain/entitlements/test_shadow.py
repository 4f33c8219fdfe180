"""The past says what the live gate said: random histories, each answer kept when it was given and asked again later."""

import logging
from collections import Counter
from pathlib import Path

import pytest

from domain.db import Database, open_database
from domain.entitlements.decisions import GRANTING, decide_feature
from tests.support.clock import FixedClock
from tests.support.databases import PostgreSQL, Sqlite
from tests.support.shadow import World, world_of
from tests.support.tables import execute

WORLDS, CUSTOMERS, TICKS = 10, 10, 6


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """An unmapped price is no news here."""
    for room in ("domain.entitlements.gate", "seatgate.checks"):
        logging.getLogger(room).setLevel(logging.ERROR)


async def lived(database: Database, clock: FixedClock, number: int) -> World:
    world = world_of(database, clock, seed=1, number=number)
    await world.live(customers=CUSTOMERS, ticks=TICKS)
    return world


async def test_a_hundred_histories_are_answered_again_as_they_were(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    database = open_database(sqlite.fresh(tmp_path))
    worlds = []
    for number in range(WORLDS):
        worlds.append(await lived(database, clock, number))
        assert await worlds[-1].wrong() == []
        assert await worlds[-1].mistaken(pairs=4) == []
    await database.aclose()

    kept = [answers.resolved for world in worlds for one in world.log for answers in one.answers.values()]
    reasons = Counter(decide_feature(resolved, feature).reason for resolved in kept for feature in ("api", "sso"))
    assert sum(map(len, (world.people for world in worlds))) == 100
    assert len(reasons) == 6
    assert sum(reasons[reason] for reason in GRANTING) > len(kept) / 10
    assert len({one.revision for world in worlds for log in world.log for one in log.answers.values()}) > 100
    assert {deed.split()[1] for world in worlds for person in world.people for deed in person.deeds} == {
        "say", "late", "ahead", "rival", "answer", "repeat", "grant", "revoke", "close", "reopen",
    }  # fmt: skip


async def test_postgresql_answers_again_as_it_did(postgresql: PostgreSQL, tmp_path: Path, clock: FixedClock) -> None:
    database = open_database(postgresql.fresh(tmp_path))
    world = await lived(database, clock, 7)

    assert await world.wrong() == []
    assert await world.mistaken(pairs=10) == []
    await database.aclose()


async def test_a_past_that_was_changed_is_noticed(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    database = open_database(sqlite.fresh(tmp_path))
    world = await lived(database, clock, 3)

    await execute(database, "UPDATE overrides SET created_at = '2020-01-01 00:00:00.000000'")

    assert await world.wrong() != []
    assert await world.mistaken(pairs=20) != []
    await database.aclose()

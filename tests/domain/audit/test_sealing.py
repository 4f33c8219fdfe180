import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from domain.db import Database, open_database
from domain.wiring import Services
from tests.support import ledger
from tests.support.clock import FixedClock
from tests.support.tables import scalar
from tests.support.triggers import accept_inserts, refuse_inserts
from tests.support.wired import user

DIES_BEFORE_ITS_COMMIT = """
import asyncio, os, signal, sys
from domain.audit import Sealer
from domain.db import open_database

async def main():
    database = open_database(sys.argv[1])
    async with database.transaction() as session:
        assert await Sealer(database=database, keys=[sys.argv[2]])._batch(session)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_events_are_sealed_in_the_order_of_time_and_then_id(database: Database, clock: FixedClock) -> None:
    now = clock.now()
    for seconds in (3, 1, 2, 1):
        await ledger.write(database, now + timedelta(seconds=seconds))

    assert await ledger.seal(database) == 4

    assert await ledger.chain(database) == list(enumerate(await ledger.ids_in_order(database), start=1))
    assert await scalar(database, "SELECT count(*) FROM audit_unsealed") == 0
    assert await ledger.seal(database) == 0


async def test_an_event_that_comes_late_is_sealed_after_those_that_were(database: Database, clock: FixedClock) -> None:
    await ledger.write(database, clock.now())
    await ledger.seal(database)
    await ledger.write(database, clock.now() - timedelta(hours=1))

    await ledger.seal(database)

    late, first = await ledger.ids_in_order(database)
    assert await ledger.chain(database) == [(1, first), (2, late)]
    assert (await ledger.verdict(database)).fine


async def test_a_chain_longer_than_a_batch_is_sealed_and_verified(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 1100)

    assert await ledger.seal(database) == 1100

    found = await ledger.verdict(database)
    assert (found.fine, found.seals, found.events, found.unsealed) == (True, 1100, 1100, 0)
    assert found.head.sequence == 1100


async def test_two_sealers_at_once_make_one_chain_without_a_gap(
    database: Database, database_url: str, clock: FixedClock
) -> None:
    await ledger.write_many(database, clock, 450)
    other = open_database(database_url)

    async def until_done(own: Database) -> int:
        total = 0
        while await scalar(own, "SELECT count(*) FROM audit_unsealed"):
            total += await ledger.seal(own)
        return total

    counts = await asyncio.gather(*(until_done(own) for own in (database, other, database, other)))

    await other.aclose()
    assert sum(counts) == 450
    assert await ledger.chain(database) == list(enumerate(await ledger.ids_in_order(database), start=1))
    assert (await ledger.verdict(database)).fine


async def test_a_sealer_killed_before_its_commit_leaves_nothing_and_blocks_nobody(
    database: Database, database_url: str, clock: FixedClock
) -> None:
    await ledger.write_many(database, clock, 3)
    command = [sys.executable, "-c", DIES_BEFORE_ITS_COMMIT, database_url, ledger.KEY]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}

    died = await asyncio.to_thread(subprocess.run, command, env=environ, check=False)

    assert died.returncode == -signal.SIGKILL
    assert await ledger.chain(database) == []
    while await scalar(database, "SELECT count(*) FROM audit_unsealed"):
        # PostgreSQL notices in a moment that nobody is there any more, and lets the lock go.
        await ledger.seal(database)
    assert [sequence for sequence, _ in await ledger.chain(database)] == [1, 2, 3]
    assert (await ledger.verdict(database)).fine


async def test_a_batch_that_fails_leaves_nothing_and_is_sealed_later(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 3)
    await refuse_inserts(database, "audit_seals")
    with pytest.raises(DBAPIError):
        await ledger.seal(database)
    await accept_inserts(database, "audit_seals")

    assert await ledger.seal(database) == 3

    assert (await ledger.verdict(database)).fine


async def test_a_chain_may_span_keys_as_long_as_all_are_known(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 2)
    await ledger.seal(database, ledger.KEY)
    await ledger.write_many(database, clock, 2)
    await ledger.seal(database, ledger.NEWER_KEY, ledger.KEY)

    both = await ledger.verdict(database, keys=[ledger.NEWER_KEY, ledger.KEY])
    one = await ledger.verdict(database, keys=[ledger.NEWER_KEY])

    assert both.fine
    assert (one.fine, one.trouble_count) == (False, 2)


async def test_the_worker_seals_and_rests(services: Services) -> None:
    await user(services, "ann")

    assert await services.worker.round() == 0

    assert await scalar(services.database, "SELECT count(*) FROM audit_seals") == 1

"""When a key was last used is known to the minute, and nobody waits for it to be written."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from domain.errors import Unauthenticated
from domain.identity import ApiKey, MadeKey
from tests.domain.identity.keys.conftest import Keys


async def last_used(keys: Keys, made: MadeKey) -> str | None:
    await keys.service.aclose()
    found = (await keys.row(made)).last_used_at
    return None if found is None else f"{found:%H:%M:%S.%f}"


class Writes:
    """Counts the writes of last uses."""

    def __init__(self, keys: Keys) -> None:
        self.count = 0
        event.listen(keys.house.database.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _: object, __: object, statement: str, *___: object) -> None:
        self.count += statement.startswith("UPDATE api_keys")


async def test_a_use_is_written_as_its_minute_and_once_in_it(keys: Keys) -> None:
    made, writes = await keys.create(), Writes(keys)
    keys.clock.forward(seconds=59.5)

    assert await last_used(keys, made) is None
    for _ in range(5):
        await keys.prove(made)
        assert await last_used(keys, made) == "12:00:00.000000"
    assert writes.count == 1
    keys.clock.forward(seconds=0.5)
    await keys.prove(made)
    assert await last_used(keys, made) == "12:01:00.000000"
    assert writes.count == 2


async def test_many_uses_of_many_keys_are_written_together(keys: Keys) -> None:
    made, writes = [await keys.create() for _ in range(5)], Writes(keys)

    await asyncio.gather(*(keys.prove(each) for each in made * 10))
    await keys.service.aclose()

    assert {await last_used(keys, each) for each in made} == {"12:00:00.000000"}
    assert writes.count == 5


async def test_a_later_minute_of_another_process_stays(keys: Keys) -> None:
    made = await keys.create()
    await keys.prove(made)
    async with keys.house.database.transaction() as session:
        (await session.get_one(ApiKey, made.key.id)).last_used_at = keys.clock.now() + timedelta(hours=1)

    assert await last_used(keys, made) == "13:00:00.000000"


async def test_what_opens_nothing_is_not_used(keys: Keys) -> None:
    made = await keys.create()
    await keys.revoke(made.key)

    with pytest.raises(Unauthenticated):
        await keys.prove(made)

    assert await last_used(keys, made) is None


async def test_whoever_writes_for_long_keeps_no_key_waiting(keys: Keys) -> None:
    made = await keys.create()

    async with keys.house.database.transaction() as session:
        # The write lock of the whole file on SQLite, and the key's own row on PostgreSQL.
        await session.execute(text("UPDATE api_keys SET label = 'held'"))
        async with asyncio.timeout(10):
            proven = await keys.prove(made)
        assert (await keys.row(made)).last_used_at is None

    assert proven.scope.actor.id == made.key.id
    assert await last_used(keys, made) == "12:00:00.000000"

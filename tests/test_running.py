"""What the tests share to be quick, and that it mixes nothing up."""

from pathlib import Path

import pytest
from sqlalchemy import column, select, table

from domain.db import open_database
from tests.support import memory
from tests.support.databases import Engine
from tests.support.dialects import STATEMENTS
from tests.support.tables import execute

NUMBERS = select(table("compiled_once", column("n")).c.n)


async def test_a_statement_is_compiled_once_and_still_asks_each_database_for_itself(
    engine: Engine, tmp_path: Path
) -> None:
    answers, known = [], []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        database = open_database(engine.fresh(folder, empty=True))
        await execute(
            database, "CREATE TABLE compiled_once (n INTEGER)", f"INSERT INTO compiled_once VALUES ({number})"
        )
        async with database.snapshot() as session:
            answers.append((await session.execute(NUMBERS)).scalar_one())
        await database.aclose()
        known.append(len(STATEMENTS))

    assert answers == [1, 2]
    # Only the plain text that differs is new to the second database.
    assert known[1] - known[0] == 1


@pytest.mark.parametrize(
    ("told", "free", "there", "chosen"),
    [
        (None, memory.ENOUGH_BYTES, True, True),
        (None, memory.ENOUGH_BYTES - 1, True, False),
        (None, memory.ENOUGH_BYTES, False, False),
        ("/elsewhere", memory.ENOUGH_BYTES, True, False),
    ],
)
def test_files_are_in_memory_where_there_is_room_and_nobody_says_otherwise(
    tmp_path: Path, told: str | None, free: int, there: bool, chosen: bool
) -> None:
    shared = tmp_path if there else tmp_path / "missing"

    assert memory.is_chosen(shared, told=told, free=lambda _: free) is chosen

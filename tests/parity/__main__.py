"""Plays every story and writes the page of the documentation that shows what they come to."""

import asyncio
import tempfile
from pathlib import Path

from domain.db import open_database
from tests.parity.playing import Streams, staged
from tests.parity.scenarios import Scenario, scenarios
from tests.parity.table import PLACE, page
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite


async def played(sqlite: Sqlite, folder: Path) -> dict[str, tuple[Scenario, Streams]]:
    """Play every story, each on a database of its own."""
    streams: dict[str, tuple[Scenario, Streams]] = {}
    for scenario in scenarios():
        own = folder / scenario.name
        own.mkdir()
        database = open_database(sqlite.fresh(own))
        async with staged(database, FixedClock()) as stage:
            streams[scenario.name] = scenario, await stage.play(scenario)
        await database.aclose()
    return streams


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = Sqlite(Path(folder))
        PLACE.write_text(page(asyncio.run(played(sqlite, Path(folder)))))


if __name__ == "__main__":
    main()

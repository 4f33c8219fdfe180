"""A proof touches nothing that is there, and leaves nothing behind."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.db import Database, migrating, open_database
from domain.errors import ConfigError
from domain.proofs import Scratch, scratch
from tests.support import tables
from tests.support.databases import Engine, PostgreSQL, let_threads_end

SCHEMAS = text("SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'seatgate\\_prove\\_%'")


async def left_over(database: Database) -> int:
    """Count the schemas, or the files, of proofs."""
    if database.dialect == "sqlite":
        return len(list(Path(database.engine.url.database or "").parent.glob("*seatgate_prove*")))
    async with database.snapshot() as session:
        return int((await session.execute(SCHEMAS)).scalar_one())


async def test_a_scratch_place_is_migrated_and_apart_and_goes(database: Database, database_url: str) -> None:
    async with tables.unchanged(database), scratch(database_url) as place:
        inside = open_database(place.database_url)
        assert await migrating.current(inside) == migrating.head()
        async with inside.transaction() as session:
            await session.execute(text("DELETE FROM outbox_messages"))
        assert await left_over(database) >= 1
        assert place.folder.exists()
        await let_threads_end(inside)

    assert await left_over(database) == 0
    assert not place.folder.exists()


async def test_a_scratch_place_goes_when_the_proof_fails(database: Database, database_url: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with scratch(database_url) as place:
            raise ZeroDivisionError

    assert await left_over(database) == 0
    assert not place.folder.exists()


async def test_a_scratch_place_is_kept_when_it_is_wanted(database: Database, database_url: str) -> None:
    async with scratch(database_url, keep=True) as place:
        pass

    kept = open_database(place.database_url)
    assert await migrating.current(kept) == migrating.head()
    await let_threads_end(kept)
    assert place.folder.exists()
    shutil.rmtree(place.folder)


async def test_a_database_that_takes_no_scratch_place_is_a_fault_in_words(tmp_path: Path) -> None:
    wrong = {
        f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.db": "No such file or directory",
        "sqlite+aiosqlite://": "names no database",
        "postgresql+asyncpg://somebody:hushhush@127.0.0.1:1/x": "Connect call failed",
        "mysql://x/y": "begins with neither",
    }

    for url, words in wrong.items():
        with pytest.raises(ConfigError, match=words) as refused:
            async with scratch(url):
                """Never reached."""
        assert "hushhush" not in str(refused.value)


async def test_a_role_that_may_make_no_schema_is_told_so(postgresql: PostgreSQL, tmp_path: Path) -> None:
    url = postgresql.fresh(tmp_path)
    postgresql.sql("CREATE ROLE guest LOGIN")

    with pytest.raises(ConfigError, match="permission denied"):
        async with scratch(url.replace("postgres@", "guest@")):
            """Never reached."""


async def test_nothing_of_the_users_settings_but_the_database_enters(engine: Engine, tmp_path: Path) -> None:
    async with scratch(engine.fresh(tmp_path)) as place:
        settings = place.settings()

    assert isinstance(place, Scratch)
    assert settings.database_url == place.database_url
    assert settings.catalog == (place.folder / "catalog.toml",)

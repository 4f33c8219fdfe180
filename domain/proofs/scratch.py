"""A scratch place inside the database that the user names: a schema of its own, or a file beside the named one.

No table that is there already is read or written, and the place goes when the proof ends.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import DBAPIError

from domain import settings
from domain.db import Session, migrating, open_database
from domain.errors import ConfigError, Unavailable
from domain.settings import Settings

NAME = "seatgate_prove"
CATALOG = """
[plans.proof]
limits = { seats = { per = "quantity" } }
price_ids = ["price_proof"]
"""
# A slow machine is no violation.
CALLBACK_SECONDS = 30
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A migrated, empty Seatgate and a folder for what is recorded. `environ` is how a child finds its way there."""

    name: str
    database_url: str
    folder: Path
    environ: Mapping[str, str]

    def settings(self) -> Settings:
        """Give the settings that every process of the proof works with."""
        return settings.read(self.environ, folder=self.folder)


@contextlib.asynccontextmanager
async def scratch(database_url: str, *, keep: bool = False) -> AsyncIterator[Scratch]:
    """Make a scratch place for the block; afterwards it is gone, unless it is to be kept.

    Raises:
        ConfigError: the address is none, the database cannot be reached, or nothing new can be made in it.
    """
    name = f"{NAME}_{secrets.token_hex(6)}"
    folder = Path(tempfile.mkdtemp(prefix=f"{name}_"))
    try:
        settings.read(_environ(database_url, folder), folder=folder)
        address = make_url(database_url)
        place = _Schema(address, name) if address.get_backend_name() == "postgresql" else _beside(address, name)
        async with contextlib.AsyncExitStack() as stack:
            try:
                made = await stack.enter_async_context(place.made(keep=keep))
                await asyncio.to_thread(migrating.upgrade, made)
            except (DBAPIError, OSError, Unavailable) as error:
                raise ConfigError([f"the database takes no scratch place: {_cause(error)}"]) from error
            yield Scratch(name=name, database_url=made, folder=folder, environ=_environ(made, folder))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Schema:
    """A schema of PostgreSQL; the address names it, so that nothing in any other schema is found."""

    address: URL
    name: str

    @contextlib.asynccontextmanager
    async def made(self, *, keep: bool) -> AsyncIterator[str]:
        """Create the schema and drop it with all that is in it."""
        database = open_database(self.address.render_as_string(hide_password=False))
        try:
            await database.run(self._create)
            try:
                there = self.address.difference_update_query(["schema"]).update_query_dict({"schema": self.name})
                yield there.render_as_string(hide_password=False)
            finally:
                if not keep:
                    await database.run(self._drop)
        finally:
            await database.aclose()

    async def _create(self, session: Session) -> None:
        await session.execute(text(f"CREATE SCHEMA {self.name}"))

    async def _drop(self, session: Session) -> None:
        await session.execute(text("SET LOCAL statement_timeout = '60s'"))
        await session.execute(text(f"DROP SCHEMA {self.name} CASCADE"))


@dataclass(frozen=True, slots=True)
class _File:
    """A file of SQLite beside the named one: the same file system, so the same durability."""

    path: Path

    @contextlib.asynccontextmanager
    async def made(self, *, keep: bool) -> AsyncIterator[str]:
        """Make the file, which nobody else has, and delete it and its companions."""
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield f"sqlite+aiosqlite:///{self.path}"
        finally:
            if not keep:
                for suffix in ("", "-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _beside(address: URL, name: str) -> _File:
    named = Path(address.database or "").absolute()
    return _File(named.with_name(f"{named.stem}.{name}.db"))


def _environ(database_url: str, folder: Path) -> dict[str, str]:
    """Write the environment of the proof: nothing of the user's own settings but the database enters."""
    catalog = folder / "catalog.toml"
    catalog.write_text(CATALOG, encoding="utf-8")
    names = ("SECRET_KEYS", "JWT_SECRETS", "FAKE_WEBHOOK_SECRETS")
    return {
        f"{settings.PREFIX}DATABASE_URL": database_url,
        f"{settings.PREFIX}CATALOG": str(catalog),
        f"{settings.PREFIX}CALLBACK_SECONDS": str(CALLBACK_SECONDS),
        **{f"{settings.PREFIX}{name}": secrets.token_hex(SECRET_BYTES) for name in names},
    }


def surroundings(scratch: Scratch) -> dict[str, str]:
    """Give a child process the environment of this one, with the proof's settings in place of the user's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    return own | dict(scratch.environ)


def _cause(error: BaseException) -> str:
    """Say in one line what the driver said, without the statement and the address."""
    while isinstance(error, Unavailable) and error.__cause__ is not None:
        error = error.__cause__
    told = str(getattr(error, "orig", None) or error).strip().splitlines()
    return told[0] if told else type(error).__name__

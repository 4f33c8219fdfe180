"""What commands open and close again: the database of this process's settings, and files to write to."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from domain.errors import ConfigError, Unavailable
from domain.settings import Settings
from graphql_api.cli.telling import read_settings

if TYPE_CHECKING:
    from domain.db import Database

T = TypeVar("T")


def on_database(work: "Callable[[Database, Settings], Awaitable[T]]") -> T:
    """Do some work on the database of this process's settings.

    Raises:
        ConfigError: it is not there, or not at the newest migration, or does not answer.
    """
    settings = read_settings()

    async def opened() -> T:
        async with _opened(settings) as database:
            return await work(database, settings)

    return asyncio.run(opened())


@asynccontextmanager
async def _opened(settings: Settings) -> "AsyncIterator[Database]":
    from domain.db import answers, migrating, open_database

    database = open_database(settings.database_url)
    try:
        if not await answers(database) or await migrating.current(database) != migrating.head():
            raise ConfigError(["SEATGATE_DATABASE_URL: not there, or not migrated; run `seatgate migrate`"])
        yield database
    except Unavailable as error:
        raise ConfigError(["SEATGATE_DATABASE_URL: the database does not answer"]) from error
    finally:
        await database.aclose()


@contextmanager
def writing(path: Path | None, *, option: str) -> Iterator[TextIO]:
    """Open what to write to; a file comes into place when it is whole, so that nobody ever finds half of one.

    Raises:
        ConfigError: it cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    half = path.with_name(f"{path.name}.part")
    try:
        file = half.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError([f"{option}: {path} cannot be written ({error.strerror})"]) from error
    with file:
        yield file
    half.replace(path)

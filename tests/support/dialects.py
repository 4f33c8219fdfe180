"""What SQLAlchemy has compiled for one database holds for every other database of the same kind in a test run.

Each test opens a database of its own, and SQLAlchemy, which remembers statements by engine and by dialect, would
compile each of them anew for each test. Here dialects of one kind are equal and remember in one place, as in
production, where one process has one database.
"""

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.util import LRUCache

STATEMENTS: LRUCache[Any, Any] = LRUCache(4000)


class _Together:
    supports_statement_cache = True

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=STATEMENTS)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


class Sqlite(_Together, SQLiteDialect_aiosqlite):
    supports_statement_cache = True


class Postgresql(_Together, PGDialect_asyncpg):
    supports_statement_cache = True


def remember_statements_together() -> None:
    """Let every engine that is made from now on speak one of these dialects."""
    registry.register("sqlite.aiosqlite", __name__, Sqlite.__name__)
    registry.register("postgresql.asyncpg", __name__, Postgresql.__name__)

"""The database: engines, `transaction()` for writers, `snapshot()` for readers, `run()` for whole units of work.

The only caller of commit. SQLite and PostgreSQL behave alike from here on up.
"""

from domain.db.base import Base, Counter, JsonDocument, Key, UtcDateTime, closed
from domain.db.engine import Database, Session, answers, open_database
from domain.db.failures import passing
from domain.db.lookup import Lookup
from domain.db.pages import Page, Position, Slice, keyset, merged
from domain.db.writing import count_changed, insert_into

__all__ = [
    "Base",
    "Counter",
    "Database",
    "JsonDocument",
    "Key",
    "Lookup",
    "Page",
    "Position",
    "Session",
    "Slice",
    "UtcDateTime",
    "answers",
    "closed",
    "count_changed",
    "insert_into",
    "keyset",
    "merged",
    "open_database",
    "passing",
]

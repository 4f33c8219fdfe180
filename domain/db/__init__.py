"""The database: engines, `transaction()` for writers, `snapshot()` for readers, `run()` for whole units of work.

The only caller of commit. SQLite and PostgreSQL behave alike from here on up.
"""

from domain.db.base import Base, Counter, JsonDocument, Key, UtcDateTime, closed
from domain.db.engine import Database, Session, answers, open_database, passing
from domain.db.lookup import Lookup
from domain.db.pages import Asked, Listing, Page, Position, Slice, counts_of, page_of, pages_of
from domain.db.writing import count_changed, insert_into

__all__ = [
    "Asked",
    "Base",
    "Counter",
    "Database",
    "JsonDocument",
    "Key",
    "Listing",
    "Lookup",
    "Page",
    "Position",
    "Session",
    "Slice",
    "UtcDateTime",
    "answers",
    "closed",
    "count_changed",
    "counts_of",
    "insert_into",
    "open_database",
    "page_of",
    "pages_of",
    "passing",
]

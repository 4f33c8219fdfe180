"""Writes that SQLAlchemy spells apart for each engine, or gives back only half: said once, for both."""

from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Update
from sqlalchemy.dialects import postgresql, sqlite

from domain.db.engine import Session


def insert_into(session: Session, table: Any) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that can say what becomes of a row that is there already (`on_conflict_…`)."""
    return postgresql.insert(table) if session.locks_rows else sqlite.insert(table)


async def count_changed(session: Session, statement: Delete | Update, values: dict[str, Any]) -> int:
    """Run a statement and count the rows that it has changed."""
    return cast("CursorResult[Any]", await session.execute(statement, values)).rowcount

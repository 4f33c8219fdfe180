"""Keyset pages: where a page begins, how long it is, and one more row to know whether another follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from domain.db.engine import Session

T = TypeVar("T")
Position = tuple[Any, str]
"""The sort value and the id of a row: its place in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which rows: `size` of them after or before a position, from the front, or from the back when `backward`."""

    size: int
    after: Position | None = None
    before: Position | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[T]):
    """The rows of one page in the list's order, and whether more lie on either side."""

    rows: Sequence[T]
    has_next: bool
    has_previous: bool


async def keyset(
    session: Session,
    query: Select[Any],
    *,
    page: Page,
    by: InstrumentedAttribute[Any],
    id: InstrumentedAttribute[Any],
    descending: bool = False,
) -> Slice[Any]:
    """Read one page of `query`, sorted by a column and then the id, at a cost that does not grow with the table."""
    found = (await session.execute(_placed(query, page, by, id, descending=descending))).unique().scalars().all()
    return _slice(found, page)


async def merged(
    session: Session,
    entity: type[T],
    queries: Sequence[Select[Any]],
    *,
    page: Page,
    by: InstrumentedAttribute[Any],
    id: InstrumentedAttribute[Any],
    descending: bool = False,
) -> Slice[T]:
    """Read one page of several selections of an entity's rows as if they were one, in one statement.

    No row is in two of them. Each gives a page at most, so what is merged stays small however long they are.
    """
    if len(queries) == 1:
        return await keyset(session, queries[0], page=page, by=by, id=id, descending=descending)
    if not queries:
        return Slice(rows=[], has_next=False, has_previous=False)
    parts = [_placed(query, page, by, id, descending=descending).subquery() for query in queries]
    row = aliased(entity, union_all(*(select(part) for part in parts)).subquery())
    joined = _placed(select(row), page, getattr(row, by.key), getattr(row, id.key), descending=descending)
    return _slice((await session.execute(joined)).scalars().all(), page)


def _placed(
    query: Select[Any], page: Page, by: InstrumentedAttribute[Any], id: InstrumentedAttribute[Any], *, descending: bool
) -> Select[Any]:
    """Let a selection begin and end where the page does, with one row more to tell whether another page follows."""
    place: ColumnElement[Any] = tuple_(by, id)
    if page.after is not None:
        query = query.where(_beyond(place, page.after, upward=not descending))
    if page.before is not None:
        query = query.where(_beyond(place, page.before, upward=descending))
    downward = descending != page.backward
    order = (by.desc(), id.desc()) if downward else (by.asc(), id.asc())
    return query.order_by(*order).limit(page.size + 1)


def _slice(found: Sequence[T], page: Page) -> Slice[T]:
    more = len(found) > page.size
    rows = list(found[: page.size])
    if page.backward:
        return Slice(rows=rows[::-1], has_next=page.before is not None, has_previous=more)
    return Slice(rows=rows, has_next=more, has_previous=page.after is not None)


def _beyond(place: ColumnElement[Any], position: Position, *, upward: bool) -> ColumnElement[bool]:
    return place > position if upward else place < position

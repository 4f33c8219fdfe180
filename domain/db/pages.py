"""Keyset pages: where a page begins, how long it is, and one more row to know whether another follows.

Pages of many lists are read together, so that a list of things that have lists costs as many statements as one thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from domain.db.engine import Session

T = TypeVar("T")
NUMBER, PLACE = "page_number", "place_in_page"
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing(Generic[T]):
    """Rows of one kind in one order, by a column and then the id: what pages are read from.

    `queries` select the rows between them, and no row is in two of them. A page costs the same however long the list
    is, as long as an index has each selection in this order.
    """

    entity: type[T]
    queries: Sequence[Select[Any]]
    by: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[Any]
    descending: bool = False


Asked = tuple[Listing[Any], Page]
"""A page of a list."""


async def page_of(session: Session, listing: Listing[T], page: Page) -> Slice[T]:
    """Read one page of a list, in one statement."""
    if not listing.queries:
        return _slice([], page)
    return _slice((await session.execute(_joined(listing, page))).unique().scalars().all(), page)


async def pages_of(session: Session, asked: Sequence[Asked]) -> list[Slice[Any]]:
    """Read many pages, each of a list of its own, in one statement for each kind of row."""
    if len(asked) == 1:
        return [await page_of(session, *asked[0])]
    kinds: dict[type[Any], list[int]] = {}
    for number, (listing, _) in enumerate(asked):
        kinds.setdefault(listing.entity, []).append(number)
    found: list[list[Any]] = [[] for _ in asked]
    for entity, numbers in kinds.items():
        parts = [_numbered(number, *asked[number]) for number in numbers if asked[number][0].queries]
        if parts:
            for number, row in await session.execute(_side_by_side(entity, parts)):
                found[number].append(row)
    return [_slice(rows, page) for rows, (_, page) in zip(found, asked, strict=True)]


async def counts_of(session: Session, listings: Sequence[Listing[Any]]) -> list[int]:
    """Count the rows of many lists, in one statement."""
    counts = [0] * len(listings)
    parts = [
        query.with_only_columns(literal(number), func.count(), maintain_column_froms=True).order_by(None)
        for number, listing in enumerate(listings)
        for query in listing.queries
    ]
    if parts:
        for number, count in await session.execute(parts[0] if len(parts) == 1 else union_all(*parts)):
            counts[number] += count
    return counts


def _joined(listing: Listing[Any], page: Page) -> Select[Any]:
    """Select one page. Each of several selections gives a page at most, so what is merged stays small."""
    by, id, descending = listing.by, listing.id, listing.descending
    placed = [_placed(query, page, by, id, descending=descending) for query in listing.queries]
    if len(placed) == 1:
        return placed[0]
    row = aliased(listing.entity, union_all(*(select(part.subquery()) for part in placed)).subquery())
    return _placed(select(row), page, getattr(row, by.key), getattr(row, id.key), descending=descending)


def _numbered(number: int, listing: Listing[Any], page: Page) -> Select[Any]:
    """Select one page with its number, and the place of each row in it."""
    part = _joined(listing, page).subquery()
    by, id = part.c[listing.by.key], part.c[listing.id.key]
    downward = listing.descending != page.backward
    order = (by.desc(), id.desc()) if downward else (by.asc(), id.asc())
    place = func.row_number().over(order_by=order).label(PLACE)
    return select(literal(number).label(NUMBER), place, part)


def _side_by_side(entity: type[Any], parts: Sequence[Select[Any]]) -> Select[Any]:
    pages = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
    number = pages.c[NUMBER]
    return select(number, aliased(entity, pages)).order_by(number, pages.c[PLACE])


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

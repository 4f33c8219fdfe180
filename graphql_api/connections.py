"""Lists with a beginning and an end: pages of 1 to 100, and cursors that we have signed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

import strawberry

from domain.db import Page, Position, Slice
from domain.errors import InvalidCursor, InvalidInput
from graphql_api.described import described, described_as

T = TypeVar("T")
Row = TypeVar("Row")

DEFAULT_SIZE, GREATEST_SIZE = 20, 100
SIGNATURE_BYTES = 12


@described
class PageInfo:
    """Where a page stands in its connection."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@described
class Edge(Generic[T]):
    """One object and its place in the list."""

    cursor: str
    node: T


@described
class Connection(Generic[T]):
    """One page of a list."""

    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo


@described_as("Connection")
class CountedConnection(Generic[T]):
    """One page of a list whose length is known without reading it."""

    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field
    async def total_count(self) -> int:
        """How many there are in all."""
        return await self.count()


class Cursors:
    """Signs and reads the cursors of one list; a cursor of another list is no cursor of this one."""

    def __init__(self, secret_keys: Sequence[str], *, list_name: str) -> None:
        self._keys = [key.encode() for key in secret_keys]
        self._list = list_name

    def write(self, position: Position) -> str:
        """Make the cursor of a position; only our own keys can make one."""
        value, id = position
        plain = value.isoformat() if isinstance(value, datetime) else value
        payload = json.dumps([1, self._list, isinstance(value, datetime), plain, id], separators=(",", ":")).encode()
        return _text(self._sign(self._keys[0], payload) + payload)

    def read(self, cursor: str) -> Position:
        """Read a cursor back.

        Raises:
            InvalidCursor: we have not signed it, or not for this list.
        """
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except ValueError as error:
            raise InvalidCursor from error
        if _text(raw) != cursor:
            # The decoder overlooks foreign characters and spare bits; one position has one cursor.
            raise InvalidCursor
        signature, payload = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not any(hmac.compare_digest(signature, self._sign(key, payload)) for key in self._keys):
            raise InvalidCursor
        version, name, instant, value, id = json.loads(payload)
        if (version, name) != (1, self._list):
            raise InvalidCursor
        return (datetime.fromisoformat(value) if instant else value, id)

    def _sign(self, key: bytes, payload: bytes) -> bytes:
        return hmac.digest(key, b"cursor\0" + payload, hashlib.sha256)[:SIGNATURE_BYTES]

    def page(self, first: int | None, after: str | None, last: int | None = None, before: str | None = None) -> Page:
        """Read which page is asked for: `first` or `last` rows, 20 when neither is given.

        Raises:
            InvalidInput: both are given, or one that is not 1 to 100.
            InvalidCursor: a cursor is not ours.
        """
        if first is not None and last is not None:
            raise InvalidInput("Give first or last, not both.")
        size = first if first is not None else last if last is not None else DEFAULT_SIZE
        if not 1 <= size <= GREATEST_SIZE:
            raise InvalidInput(f"A page has 1 to {GREATEST_SIZE} rows.")
        return Page(
            size=size,
            after=None if after is None else self.read(after),
            before=None if before is None else self.read(before),
            backward=last is not None,
        )

    def edges(
        self, found: Slice[Row], *, node: Callable[[Row], T], place: Callable[[Row], Position]
    ) -> tuple[list[Edge[T]], PageInfo]:
        """Dress the rows of a page as edges, and say where the page stands."""
        edges = [Edge(cursor=self.write(place(row)), node=node(row)) for row in found.rows]
        info = PageInfo(
            has_next_page=found.has_next,
            has_previous_page=found.has_previous,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        )
        return edges, info

    def connection(
        self, found: Slice[Row], *, node: Callable[[Row], T], place: Callable[[Row], Position]
    ) -> Connection[T]:
        """Make the connection of a page."""
        edges, info = self.edges(found, node=node, place=place)
        return Connection(edges=edges, nodes=[edge.node for edge in edges], page_info=info)

    def counted(
        self,
        found: Slice[Row],
        *,
        node: Callable[[Row], T],
        place: Callable[[Row], Position],
        count: Callable[[], Awaitable[int]],
    ) -> CountedConnection[T]:
        """Make the connection of a page that can also say how many there are in all."""
        edges, info = self.edges(found, node=node, place=place)
        return CountedConnection(edges=edges, nodes=[edge.node for edge in edges], page_info=info, count=count)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

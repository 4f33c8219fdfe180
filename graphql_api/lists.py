"""Pages of lists, read together when they are asked for together, of whatever rows they are.

So a page of things that each have a list costs as many statements as one thing with its list.
"""

from typing import Any, TypeVar

from strawberry.dataloader import DataLoader

from domain.db import Asked, Database, Listing, Page, Slice, counts_of, pages_of

T = TypeVar("T")
MOST_AT_ONCE = 100


class Lists:
    """Reads pages and lengths of lists for one operation; nothing is remembered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pages: DataLoader[Asked, Slice[Any]] = DataLoader(self._read, max_batch_size=MOST_AT_ONCE, cache=False)
        self._counts: DataLoader[Listing[Any], int] = DataLoader(self._count, max_batch_size=MOST_AT_ONCE, cache=False)

    async def page(self, listing: Listing[T], page: Page) -> Slice[T]:
        """Read one page of a list."""
        return await self._pages.load((listing, page))

    async def count(self, listing: Listing[Any]) -> int:
        """Count a list."""
        return await self._counts.load(listing)

    async def _read(self, asked: list[Asked]) -> list[Slice[Any]]:
        async with self._database.snapshot() as session:
            return await pages_of(session, asked)

    async def _count(self, listings: list[Listing[Any]]) -> list[int]:
        async with self._database.snapshot() as session:
            return await counts_of(session, listings)

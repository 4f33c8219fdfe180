"""Pages of lists, read together when they are asked for together, of whatever rows they are.

So a page of things that each have a list costs as many statements as one thing with its list.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from strawberry.dataloader import DataLoader

from domain.db import Asked, Listing, Page, Session, Slice, counts_of, pages_of

T = TypeVar("T")
MOST_AT_ONCE = 100


class Read(Protocol):
    """Runs what reads on a session of its own."""

    async def __call__(self, body: Callable[[Session], Awaitable[T]], /) -> T:
        """Give what the body has read."""


class Lists:
    """Reads pages and lengths of lists for one operation; nothing is remembered.

    `lagging` reads the lists that may lag, `newest` all others, and all where there is no `lagging`.
    """

    def __init__(self, newest: Read, lagging: Read | None = None) -> None:
        self._newest = _Batches(newest)
        self._lagging = self._newest if lagging is None else _Batches(lagging)

    async def page(self, listing: Listing[T], page: Page) -> Slice[T]:
        """Read one page of a list."""
        return await self._batches_of(listing).pages.load((listing, page))

    async def count(self, listing: Listing[Any]) -> int:
        """Count a list."""
        return await self._batches_of(listing).counts.load(listing)

    def _batches_of(self, listing: Listing[Any]) -> "_Batches":
        return self._lagging if listing.may_lag else self._newest


class _Batches:
    """What is read together, in one place."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.pages: DataLoader[Asked, Slice[Any]] = DataLoader(self._pages, max_batch_size=MOST_AT_ONCE, cache=False)
        self.counts: DataLoader[Listing[Any], int] = DataLoader(self._counts, max_batch_size=MOST_AT_ONCE, cache=False)

    async def _pages(self, asked: list[Asked]) -> list[Slice[Any]]:
        return await self._read(lambda session: pages_of(session, asked))

    async def _counts(self, listings: list[Listing[Any]]) -> list[int]:
        return await self._read(lambda session: counts_of(session, listings))

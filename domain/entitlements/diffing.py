"""Holds two catalogs against everybody who is there, page by page, in memory that does not grow; writes nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from domain.billing import OwnerKind, seats
from domain.db import Database, Session
from domain.entitlements.catalog import Catalog
from domain.entitlements.census import Owned, count_everybody, page_of_everybody
from domain.entitlements.differences import Affected, Change, Totals, compare
from domain.entitlements.resolver import Given

PAGE_SIZE = 1000


async def everybody(database: Database) -> int:
    """Count the customers that `diff` would go through.

    Raises:
        Unavailable: the database could not be reached or was too busy.
    """
    async with database.snapshot() as session:
        return await count_everybody(session)


async def diff(
    database: Database, old: Catalog, new: Catalog, *, now: datetime, totals: Totals, page_size: int = PAGE_SIZE
) -> AsyncIterator[Sequence[Affected]]:
    """Yield, for each page of customers, those for whom something changes from `old` to `new` at `now`; fills `totals`.

    Each page is one consistent read, all of them together are not: who comes or goes meanwhile may be missed. Customers
    whose owners go are left out, because they have nothing by any catalog.

    Raises:
        Unavailable: the database could not be reached or was too busy.
    """
    comparing = _Comparing(old=old, new=new, now=now, without_anything=compare(old, new, Given(), now=now))
    after = ""
    while True:
        async with database.snapshot() as session:
            page = await page_of_everybody(session, after=after, size=page_size)
            affected = await comparing.affected(session, page, totals)
        if not page:
            return
        after = page[-1].customer_id
        for found in affected:
            totals.add(found)
        yield affected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparing:
    """Two catalogs at one instant, and what changes for whoever has neither rows nor overrides."""

    old: Catalog
    new: Catalog
    now: datetime
    without_anything: Change

    async def affected(self, session: Session, page: Sequence[Owned], totals: Totals) -> Sequence[Affected]:
        """Find those of a page for whom something changes, and count the page."""
        changes = [(owned, self._change(owned)) for owned in page]
        totals.customers += len(page)
        totals.unreadable += sum(change is None for _, change in changes)
        changing = [
            (owned, change) for owned, change in changes if change is not None and (change.loses or change.gains)
        ]
        # The pool still counts invitations that have expired, so it says who may be over the limit; these are counted.
        doubtful = [owned.owner.id for owned, change in changing if change.seats_over(owned.seats_held)]
        counted = await seats.counts(session, doubtful, now=self.now) if doubtful else {}
        taken = {id: count.used + count.reserved for id, count in counted.items()}
        return [_affected(owned, change, taken.get(owned.owner.id, owned.seats_held)) for owned, change in changing]

    def _change(self, owned: Owned) -> Change | None:
        """Compare for one customer; None where its rows cannot be read, and every catalog denies it everything."""
        if not owned.found.held and not owned.found.granted:
            return self.without_anything
        try:
            return compare(self.old, self.new, owned.found.given, now=self.now)
        except ValidationError:
            return None


def _affected(owned: Owned, change: Change, taken: int) -> Affected:
    of_organization = owned.owner.kind is OwnerKind.ORGANIZATION
    return Affected(
        customer_id=owned.customer_id,
        owner=owned.owner,
        change=change,
        seats_over=change.seats_over(taken) if of_organization else 0,
    )

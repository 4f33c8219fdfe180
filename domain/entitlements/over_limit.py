"""Organizations with more seats taken than their limit gives: looked for from time to time, and told to operators.

A limit falls by a webhook, but also by time, an override that ends or another catalog, so nothing but looking finds
all. Nobody loses a seat by it; only nobody more comes in.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, select

from domain.billing import Customer, Owner, OwnerKind, seats
from domain.billing.seats import SeatPool
from domain.clock import Clock
from domain.db import Database
from domain.entitlements import decisions
from domain.entitlements.catalog import UNLIMITED
from domain.entitlements.gate import Entitlements
from domain.telemetry import Attribute, Signal, Told

EVERY = timedelta(minutes=1)
SHARE = 100
"""A look that took long is followed by a rest so many times as long."""
AT_ONCE = 200
FOUNDERS = 1
"""Whoever founds an organization comes in whatever the limit, and is over none by that."""


@dataclass(slots=True, kw_only=True)
class OverLimit:
    """Looks at every organization that stays, and tells of each once while it is over; anew when the process is."""

    database: Database
    clock: Clock
    entitlements: Entitlements
    _known: frozenset[str] = frozenset()
    _due: datetime | None = None

    async def look(self) -> int:
        """Look, if it is time to, and say how many have gone over their limit since."""
        if self._due is not None and self.clock.now() < self._due:
            return 0
        began, over = time.monotonic(), set[str]()
        new, after = 0, ""
        while ids := await self._page(after):
            after = ids[-1]
            new += await self._judge(ids, over)
        self._known = frozenset(over)
        self._due = self.clock.now() + max(EVERY, timedelta(seconds=SHARE * (time.monotonic() - began)))
        return new

    async def _page(self, after: str) -> list[str]:
        stays = and_(
            Customer.owner_kind == OwnerKind.ORGANIZATION,
            Customer.owner_id == SeatPool.organization_id,
            Customer.closing_at.is_(None),
        )
        query = select(SeatPool.organization_id).join(Customer, stays).where(SeatPool.organization_id > after)
        async with self.database.snapshot() as session:
            return list((await session.scalars(query.order_by(SeatPool.organization_id).limit(AT_ONCE))).all())

    async def _judge(self, ids: list[str], over: set[str]) -> int:
        """Tell of those that have gone over, and note those that are; a doubt about one leaves it as it was."""
        async with self.database.snapshot() as session:
            owners = {id: Owner(kind=OwnerKind.ORGANIZATION, id=id) for id in ids}
            resolved = await self.entitlements.source.within(session, list(owners.values()))
            counted = await seats.counts(session, ids, now=self.clock.now())
        new = 0
        for id, count in counted.items():
            given = resolved.get(owners[id])
            if given is None or given.failed:
                over.update({id} & self._known)
                continue
            limit = decisions.quantity(given, self.entitlements.catalog.seat_limit)
            taken = count.used + count.reserved
            if limit != UNLIMITED and taken > max(limit, FOUNDERS):
                over.add(id)
                new += self._tell(id, taken, limit)
        return new

    def _tell(self, id: str, taken: int, limit: int) -> int:
        if id in self._known:
            return 0
        told: Told = {Attribute.ORGANIZATION_ID: id, Attribute.TAKEN: taken, Attribute.LIMIT: limit}
        self.database.telemetry.signal(Signal.SEATS_OVER_LIMIT, told)
        return 1

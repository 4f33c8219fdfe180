"""Time passes at the Fake: what falls due happens, in order, each thing at its own instant."""

from datetime import datetime, timedelta
from heapq import heappop, heappush

from sqlalchemy import select

from domain.billing.processors.fake import desk
from domain.billing.processors.fake.books import Books
from domain.billing.processors.fake.delivery import release
from domain.billing.processors.fake.life import Life
from domain.billing.processors.fake.models import FakeAdvance, FakeCheckout, FakeSubscription

LONGEST_HELD = timedelta(minutes=1)


async def advance(books: Books, *, seconds: int) -> int:
    """Move the clock forward and let happen what falls due; say how much did."""
    if seconds:
        books.session.add(FakeAdvance(seconds=seconds))
        await books.session.flush()
    now = await books.now()
    await release(books, held_before=books.clock.now() - LONGEST_HELD)
    return await _subscriptions(books, now) + await _checkouts(books, now)


async def _subscriptions(books: Books, now: datetime) -> int:
    due = select(FakeSubscription).where(FakeSubscription.due_at <= now).order_by(FakeSubscription.id)
    rows = (await books.session.execute(due.with_for_update())).scalars().all()
    if not rows:
        return 0
    lives = [Life(row, await books.customer(row.customer_id), books.terms) for row in rows]
    events, happened = [], 0
    waiting = [(row.due_at, row.id, place) for place, row in enumerate(rows) if row.due_at]
    waiting.sort()
    while waiting:
        _, id, place = heappop(waiting)
        life, row = lives[place], rows[place]
        life.come_due()
        events += life.events
        life.events = []
        happened += 1
        if row.due_at is not None and row.due_at <= now:
            heappush(waiting, (row.due_at, id, place))
    await books.keep(lives)
    await books.tell(events)
    return happened


async def _checkouts(books: Books, now: datetime) -> int:
    due = select(FakeCheckout).where(FakeCheckout.due_at <= now).order_by(FakeCheckout.due_at, FakeCheckout.id)
    rows = (await books.session.execute(due.with_for_update())).scalars().all()
    for row in rows:
        await desk.close_checkout(books, row, row.document["expires_at"])
    return len(rows)

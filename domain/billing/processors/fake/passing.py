"""Time passes at the Fake: what falls due happens, in order, each thing at its own instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from math import ceil

from sqlalchemy import select

from domain.billing.processors.fake import desk
from domain.billing.processors.fake.books import Books
from domain.billing.processors.fake.life import Life
from domain.billing.processors.fake.models import FakeCheckout, FakeEvent, FakeSubscription
from domain.errors import InvalidInput

FARTHEST_SECONDS = 10 * 366 * 86400
LONGEST_HELD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What has come of time: where the Fake's clock stands, what happened, and how many webhooks tell of it."""

    now: datetime
    happened: int
    webhooks: int


async def advance(books: Books, *, seconds: int, until: datetime | None) -> Passed:
    """Move the clock forward by `seconds`, or to `until`, and let happen what falls due.

    Raises:
        InvalidInput: that is backwards, or farther than ten years.
    """
    if until is not None:
        seconds = ceil((until - await books.now()).total_seconds())
    if not 0 <= seconds <= FARTHEST_SECONDS:
        raise InvalidInput("The clock moves forward, ten years at most.", path=["input"])
    if seconds:
        books.move(seconds)
    await _release(books, held_before=books.clock.now() - LONGEST_HELD)
    happened = await catch_up(books)
    return Passed(now=await books.now(), happened=happened, webhooks=books.sent)


async def _release(books: Books, *, held_before: datetime) -> None:
    """Send after all what was held back for another webhook that has not come."""
    query = select(FakeEvent).where(FakeEvent.held_at <= held_before).order_by(FakeEvent.sequence).with_for_update()
    events = (await books.session.execute(query)).scalars().all()
    for event in events:
        event.held_at = None
    await books.send([(event.id, event.body.decode()) for event in events])


async def catch_up(books: Books) -> int:
    """Let happen what has fallen due and nobody has looked at yet, so that nothing is done before its time."""
    now = await books.now()
    return await _subscriptions(books, now) + await _checkouts(books, now)


async def _subscriptions(books: Books, now: datetime) -> int:
    due = select(FakeSubscription).where(FakeSubscription.due_at <= now).order_by(FakeSubscription.id)
    rows = (await books.session.execute(due.with_for_update())).scalars().all()
    if not rows:
        return 0
    payers = await books.customers(row.customer_id for row in rows)
    lives = [Life(row, payers[row.customer_id], books.terms) for row in rows]
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

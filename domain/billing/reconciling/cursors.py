"""How far each processor's list of events has been read."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from domain.billing.customers import ProcessorAccount
from domain.billing.processors import Processor
from domain.billing.reconciling.models import EventCursor
from domain.db import Session

OVERLAP = timedelta(minutes=5)
"""How much is read twice: a list may show an event a little later than others that happened after it."""
FARTHEST = timedelta(days=30)
"""How long processors keep events."""


async def read_from(session: Session, processor: Processor, *, now: datetime) -> datetime:
    """Say from when on events are to be read: the cursor, or without one when the first account was linked."""
    cursor = await session.get(EventCursor, (processor.name, processor.livemode))
    if cursor is None:
        query = select(func.min(ProcessorAccount.linked_at)).where(
            ProcessorAccount.processor == processor.name, ProcessorAccount.livemode == processor.livemode
        )
        start = (await session.execute(query)).scalar() or now
    else:
        start = cursor.read_until
    return max(min(start, now) - OVERLAP, now - FARTHEST)


async def move(session: Session, processor: Processor, *, to: datetime) -> bool:
    """Note that every event before an instant is in the inbox; a cursor never goes back.

    Tells whether some may be missing all the same, because they were too old to be listed.
    """
    key = (processor.name, processor.livemode)
    cursor = await session.get(EventCursor, key, with_for_update=True)
    if cursor is None:
        session.add(EventCursor(processor=processor.name, livemode=processor.livemode, read_until=to))
        return False
    unlisted = cursor.read_until < to - FARTHEST
    cursor.read_until = max(cursor.read_until, to)
    return unlisted

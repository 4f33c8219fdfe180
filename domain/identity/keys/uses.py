"""When keys were last used, to the minute: written behind the requests' backs, which neither wait nor fail for it.

What many requests note within a second goes into one short transaction, so that even on SQLite, where writers take
turns, keys in use cost one turn a second at most, and one turn a minute when there are few.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from contextvars import Context
from datetime import datetime
from functools import partial

from sqlalchemy import bindparam, or_, update

from domain.db import Database, Session
from domain.errors import Unavailable
from domain.identity.keys.models import ApiKey
from domain.ids import ApiKeyId

log = logging.getLogger(__name__)

GATHERING_SECONDS = 1.0
SECONDS_AFTER_A_FAILURE = 60.0

_MARK = (
    update(ApiKey)
    .where(ApiKey.id == bindparam("key"), or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < bindparam("minute")))
    .values(last_used_at=bindparam("minute"))
)


class Uses:
    """Gathers what one process sees of keys in use, and writes it down."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[ApiKeyId, datetime] = {}
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    def note(self, key_id: ApiKeyId, *, last: datetime | None, now: datetime) -> None:
        """Note that a key is used now, unless the database knows of this minute already; returns at once."""
        minute = now.replace(second=0, microsecond=0)
        if last is not None and last >= minute:
            return
        self._noted[key_id] = minute
        if self._writing is None or self._writing.done():
            # Its own context: it is no part of the request that happens to be the first.
            self._writing = asyncio.get_running_loop().create_task(self._write(), context=Context())

    async def written(self) -> None:
        """Wait until everything noted so far is in the database, or could not be written."""
        self._hurry.set()
        try:
            if self._writing is not None:
                await asyncio.shield(self._writing)
        finally:
            self._hurry.clear()

    async def _write(self) -> None:
        while self._noted:
            await self._pause(GATHERING_SECONDS)
            noted, self._noted = self._noted, {}
            try:
                await self._database.run(partial(_mark, noted=noted))
            except Unavailable:
                log.warning("the last use of %d API keys could not be written", len(noted))
                await self._pause(SECONDS_AFTER_A_FAILURE)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()


async def _mark(session: Session, *, noted: Mapping[ApiKeyId, datetime]) -> None:
    """Write every minute that is newer than the one known, in an order in which nobody waits in a circle."""
    connection = await session.connection()
    for key_id, minute in sorted(noted.items()):
        await connection.execute(_MARK, {"key": key_id, "minute": minute})

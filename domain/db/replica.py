"""A copy of the database for reads that may be a little behind. It is used while it is fit, and missed by nobody.

What decides over somebody's rights, over seats, or over what a customer has is never read here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from domain.db.engine import Database, Session
from domain.db.lookup import LOST
from domain.errors import Unavailable
from domain.telemetry import Attribute, Signal

log = logging.getLogger(__name__)

T = TypeVar("T")
FAILED = (SQLAlchemyError, Unavailable, *LOST)

_PRIMARY = text("SELECT version_num, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') FROM alembic_version")
# A copy that is not in recovery, as one by logical replication, does not tell how far it is.
_REPLICA = text(
    "SELECT version_num, CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') END"
    " FROM alembic_version"
)


class Cause(StrEnum):
    """Why a replica is passed over."""

    BEHIND = "behind"
    FAILED = "failed"
    OTHER_MIGRATION = "other_migration"


class Replica:
    """Reads a copy of `primary` while it is fit, and `primary` itself otherwise, or where there is no copy.

    A copy is fit when it answers, is at the primary's migration, and holds what the primary held one look before. `run`
    looks again and again, so what is read is never older than two such rounds. Before the first look it is not fit.
    """

    SECONDS = 5.0
    """How long a round is: so long a copy that has failed is left alone."""

    def __init__(self, primary: Database, copy: Database | None = None) -> None:
        self._primary = primary
        self._copy = copy
        self._fit = False
        self._cause: Cause | None = None
        self._held: Decimal | None = None

    async def read(self, body: Callable[[Session], Awaitable[T]]) -> T:
        """Read what `body` reads of one consistent state, which may be a little older than the newest.

        `body` may run twice, so it touches nothing but the session. What fails on the copy is read of the primary, and
        what fails there too is no fault of the copy's.

        Raises:
            Unavailable: the primary could not be reached or was too busy.
        """
        if self._copy is None or not self._fit:
            return await self._primary.read(body)
        try:
            return await self._copy.read(body)
        except FAILED as error:
            failure = error
        found = await self._primary.read(body)
        self._failed(failure)
        return found

    async def run(self) -> None:
        """Look at the copy, if there is one, in every round until cancelled."""
        try:
            while self._copy is not None:
                await self.look()
                await asyncio.sleep(self.SECONDS)
        finally:
            # Nobody would notice any more that it falls behind.
            self._fit = False

    async def look(self) -> None:
        """Find out whether the copy is fit."""
        if self._copy is None:
            return
        try:
            # Asked first, so that a copy that keeps up holds what is wanted of it even at the first look.
            version, holds = await self._primary.read(_told(_PRIMARY))
        except FAILED:
            self._fit, self._held = False, None
            return
        wanted, self._held = self._held or holds, holds
        try:
            known, replayed = await self._copy.read(_told(_REPLICA))
        except FAILED as error:
            self._failed(error)
            return
        if known != version:
            self._passed_over(Cause.OTHER_MIGRATION)
        elif replayed is not None and replayed < wanted:
            self._passed_over(Cause.BEHIND)
        else:
            self._taken()

    async def aclose(self) -> None:
        """Let running reads finish, for a second at most, and close every connection to the copy."""
        self._fit = False
        if self._copy is not None:
            await self._copy.aclose(within=1)

    def _failed(self, error: Exception) -> None:
        log.info("the replica failed: %s", type(error.__cause__ or error).__name__)
        self._passed_over(Cause.FAILED)

    def _passed_over(self, cause: Cause) -> None:
        """Leave the copy alone until a look finds it fit, and tell operators unless they know."""
        self._fit = False
        if self._cause is not cause:
            self._cause = cause
            self._primary.telemetry.signal(Signal.REPLICA_PASSED_OVER, {Attribute.CAUSE: cause.value})

    def _taken(self) -> None:
        if self._cause is not None:
            log.warning("the replica is read again")
        self._fit, self._cause = True, None


def _told(statement: TextClause) -> Callable[[Session], Awaitable[Any]]:
    async def told(session: Session) -> Any:
        return (await session.execute(statement)).one()

    return told

"""Owed fetches: where the facts are ambiguous, the processor is asked once, and its answer becomes a fact."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import select

from domain import outbox
from domain.billing.customers import ProcessorAccount, account_of
from domain.billing.processors import Processor, ProcessorRefused, ProcessorUnavailable
from domain.billing.statements import Statement
from domain.billing.states import ProcessorName, Snapshot
from domain.billing.subscriptions import BillingSubscription, absorb, find_subscription, gone
from domain.clock import Clock
from domain.db import Database, Session
from domain.scope import system

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
LONGEST_WAIT = timedelta(hours=1)
# By then the wait is the longest one; a subscription that is never found would double it past the calendar's end.
MAX_DOUBLINGS = 6


TOPIC = "billing.fetch"
"""The outbox topic under which a subscription is fetched."""


Unlinked = Callable[[Session, str, str], Awaitable[None]]
"""Is told which webhook event has led to an account that is linked to nobody, by their ids."""


async def ask_to_fetch(
    session: Session,
    *,
    processor: ProcessorName,
    processor_id: str,
    at: datetime,
    ends: bool = False,
    told_by: str | None = None,
) -> None:
    """Ask for one fetch after this transaction, unless the same one waits untried.

    `ends`: what the processor does not know any more has ended. `told_by`: the webhook event that did not say whose
    the subscription is.
    """
    payload = {"processor": processor, "processor_id": processor_id, "ends": ends, "told_by": told_by}
    key = f"{processor}:{processor_id}" + (":ends" if ends else "")
    await outbox.put_once(session, topic=TOPIC, key=key, payload=payload, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetches:
    """Settles what is owed, holding no transaction while it asks. What an event has told of a stranger, it keeps."""

    TOPIC: ClassVar[str] = TOPIC

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]
    unlinked: Unlinked

    async def settle_owed(self) -> int:
        """Fetch every subscription whose turn it is; say how many."""
        fetched = 0
        while row := await self.database.run(self._lease):
            fetched += 1
            try:
                await self._fetch(row.processor, row.processor_id)
            except (ProcessorUnavailable, ProcessorRefused) as error:
                log.info("fetch of subscription %s postponed: %s", row.id, type(error).__name__)
        return fetched

    async def deliver(self, payload: dict[str, Any]) -> None:
        """Fetch a subscription that somebody has asked for: the outbox's handler for TOPIC.

        Raises:
            ProcessorUnavailable: the processor did not answer; the outbox tries again.
            ProcessorRefused: the processor said no; the outbox tries again.
        """
        name, processor_id = ProcessorName(payload["processor"]), payload["processor_id"]
        await self._fetch(name, processor_id, ends=payload.get("ends", False), told_by=payload.get("told_by"))

    async def _fetch(
        self, name: ProcessorName, processor_id: str, *, ends: bool = False, told_by: str | None = None
    ) -> None:
        processor = self.processors[name]
        asked_at = self.clock.now()
        processor_time = await processor.now()
        snapshot = await processor.fetch(processor_id)
        if snapshot is None and ends:
            snapshot = await self._gone(processor, processor_id, asked_at)
        if snapshot is None:
            log.warning("%s is to be fetched and %s does not know it", processor_id, name)
            return
        said = Statement.fetched(snapshot, asked_at=asked_at, processor_time=processor_time)
        await self.database.run(partial(self._record, said, name, told_by))

    async def _gone(self, processor: Processor, processor_id: str, at: datetime) -> Snapshot | None:
        """Give what is to be said of a subscription that its processor does not know any more; None without a row."""
        async with self.database.snapshot() as session:
            row = await find_subscription(
                session, processor=processor.name, livemode=processor.livemode, processor_id=processor_id
            )
            if row is None:
                return None
            account = await account_of(session, customer_id=row.customer_id, processor=row.processor)
        assert account is not None, "who has a subscription has an account"
        return replace(gone(row, at), customer_processor_id=account.processor_id)

    async def _lease(self, session: Session) -> BillingSubscription | None:
        now = self.clock.now()
        query = (
            select(BillingSubscription)
            .where(BillingSubscription.fetch_due_at <= now, BillingSubscription.processor.in_(list(self.processors)))
            .order_by(BillingSubscription.fetch_due_at)
            .limit(1)
            .with_for_update(skip_locked=True, key_share=True)
        )
        row = (await session.execute(query)).scalar_one_or_none()
        if row is not None:
            # Should nobody come back with an answer, the next attempt waits longer.
            row.fetch_attempts += 1
            row.fetch_due_at = now + min(LEASE * 2 ** min(row.fetch_attempts - 1, MAX_DOUBLINGS), LONGEST_WAIT)
        return row

    async def _record(self, said: Statement, processor: ProcessorName, told_by: str | None, session: Session) -> None:
        key = (processor, said.snapshot.livemode, said.snapshot.customer_processor_id)
        account = await session.get(ProcessorAccount, key)
        if account is None:
            log.warning("subscription %s belongs to an account that is linked to nobody", said.snapshot.processor_id)
            if told_by is not None:
                await self.unlinked(session, told_by, said.snapshot.customer_processor_id)
            return
        row = await absorb(session, said, account=account, scope=system("worker"), now=self.clock.now())
        if row.fetch_owed and row.fetch_attempts == 1:
            # Events came while we asked: one more fetch at once. Later ones wait, each longer than the one before.
            row.fetch_due_at = self.clock.now()

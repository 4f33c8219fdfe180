"""Telling others of every event after its commit, in the order of the seals: at least once each, whatever they do.

Each forwarder has a place of its own in the chain, and is run by one process at a time. One that raises or hangs is
tried again later and delays nobody but itself.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select, update

from domain.audit.forwarders import Closing, Forwarder, SealedEvent
from domain.audit.models import AuditEvent, AuditSeal, ForwarderPlace
from domain.audit.sealing import head_of
from domain.audit.timelines import labels
from domain.clock import Clock
from domain.db import Database, Lookup, Session, insert_into
from domain.errors import ConfigError, Contained, contained

log = logging.getLogger(__name__)

BATCH = 100
MAX_ATTEMPTS = 20
LONGEST_WAIT = timedelta(hours=1)
LONGEST_NAME = 100
DEADLINE_SECONDS = 10.0
"""How long a forwarder may take over one event."""
LEASE = timedelta(seconds=60)
"""How long a process may run a forwarder at a stretch; another takes over when it has died meanwhile."""
PATIENCE_SECONDS = 0.2
"""How long the worker waits for forwarders before it goes on with its round; they go on without it."""


_PLACE: tuple[Any, ...] = (ForwarderPlace.name, ForwarderPlace.due_at)
_END = select(AuditSeal.sequence).order_by(AuditSeal.sequence.desc()).limit(1).scalar_subquery()
_NEWS = Lookup(select(*_PLACE).where(ForwarderPlace.sequence < _END))


class Forwarding:
    """Runs the forwarders of one process. `forward_due` starts what is due; `aclose` stops it.

    Raises:
        ConfigError: a name is missing, too long, or stands twice.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        forwarders: Sequence[Forwarder],
        deadline_seconds: float = DEADLINE_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._forwarders = {forwarder.name: forwarder for forwarder in forwarders}
        _check_names([forwarder.name for forwarder in forwarders])
        self._database = database
        self._clock = clock
        self._deadline = deadline_seconds
        self._patience = patience_seconds
        self._running: dict[str, asyncio.Task[int]] = {}
        self._stuck: dict[str, asyncio.Task[Contained[None]]] = {}
        self._placed = False

    async def forward_due(self) -> int:
        """Let every forwarder take what it has not had yet, and say how many events the finished ones took.

        A forwarder that is new begins at the present end of the chain.
        """
        if not self._forwarders:
            return 0
        if not self._placed:
            await self._database.run(partial(_place_new, names=list(self._forwarders), now=self._clock.now()))
            self._placed = True
        now = self._clock.now()
        due = [name for name, due_at in await self._database.look_up(_NEWS) if due_at <= now]
        for name in due:
            if self._free(name):
                self._running[name] = asyncio.create_task(self._run(self._forwarders[name]))
        if not self._running:
            return 0
        finished, _ = await asyncio.wait(self._running.values(), timeout=self._patience)
        return sum([await self._outcome(name) for name, task in list(self._running.items()) if task in finished])

    def _free(self, name: str) -> bool:
        """Say whether a forwarder is ours and does nothing now; one that ignores its deadline blocks only itself."""
        stuck = name in self._stuck and not self._stuck[name].done()
        return name in self._forwarders and name not in self._running and not stuck

    async def aclose(self) -> None:
        """Stop, and let every forwarder close what it holds open. What was being forwarded will be forwarded again."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()
        for name, forwarder in self._forwarders.items():
            if isinstance(forwarder, Closing):
                await contained(forwarder.aclose(), log=log, where=f"closing forwarder {name}")

    async def _outcome(self, name: str) -> int:
        outcome = await contained(self._running.pop(name), log=log, where=f"forwarding to {name}")
        return outcome.value or 0

    async def _run(self, forwarder: Forwarder) -> int:
        """Give one forwarder its next events until one fails, there are no more, or the lease is about to end."""
        # Before the lease is taken, so that it never seems longer than it is.
        ends = asyncio.get_running_loop().time() + LEASE.total_seconds() - self._deadline - 1
        lease = await self._database.run(partial(_leased, name=forwarder.name, now=self._clock.now()))
        if lease is None:
            return 0
        run = _Run(lease)
        try:
            async with self._database.snapshot() as session:
                events = await _after(session, lease.sequence)
            for event in events:
                if asyncio.get_running_loop().time() >= ends:
                    break
                if _wants(forwarder, event) and not await self._told(forwarder, event):
                    run.failed(event)
                    break
                run.done(event)
        finally:
            await self._database.run(partial(_settle, run=run, now=self._clock.now()))
        return run.taken

    async def _told(self, forwarder: Forwarder, event: SealedEvent) -> bool:
        """Tell a forwarder in a task of its own, so that neither its patience nor its cancellation becomes ours."""
        where = f"forwarder {forwarder.name} at event {event.sequence}"
        telling = asyncio.create_task(contained(_forward(forwarder, event), log=log, where=where))
        try:
            await asyncio.wait([telling], timeout=self._deadline)
            if not telling.done():
                log.warning("%s has not ended after %s seconds", where, self._deadline)
                self._stuck[forwarder.name] = telling
        finally:
            telling.cancel()
        return telling.done() and not telling.cancelled() and telling.result().error is None


async def _forward(forwarder: Forwarder, event: SealedEvent) -> None:
    """Call a forwarder inside the task, so that even one whose method is not `async` fails where it is contained."""
    await forwarder.forward(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    """The right to run one forwarder, told from a later one by its end."""

    name: str
    sequence: int
    attempts: int
    until: datetime


class _Run:
    """What came of one stretch of a forwarder's work."""

    def __init__(self, lease: _Lease) -> None:
        self.lease = lease
        self.sequence = lease.sequence
        self.attempts = lease.attempts
        self.wait = timedelta()
        self.taken = 0

    def done(self, event: SealedEvent) -> None:
        """Go on to the next event."""
        self.sequence, self.attempts = event.sequence, 0
        self.taken += 1

    def failed(self, event: SealedEvent) -> None:
        """Wait before the event is tried again, or leave it out when it was tried often enough."""
        self.attempts += 1
        if self.attempts >= MAX_ATTEMPTS:
            log.error("forwarder %s never took event %s and goes on without it", self.lease.name, event.id)
            self.done(event)
            return
        self.wait = min(timedelta(seconds=2 ** (self.attempts - 1)), LONGEST_WAIT)


def _check_names(names: Sequence[str]) -> None:
    faults = [
        f"forwarders: the name {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    faults += [
        f"forwarders: a name has 1 to {LONGEST_NAME} characters" for name in names if not 1 <= len(name) <= LONGEST_NAME
    ]
    if faults:
        raise ConfigError(faults)


def _wants(forwarder: Forwarder, event: SealedEvent) -> bool:
    if forwarder.actions is None:
        return True
    return any(
        event.action.startswith(action) if action.endswith(".") else event.action == action
        for action in forwarder.actions
    )


async def _place_new(session: Session, *, names: Sequence[str], now: datetime) -> None:
    known = set((await session.execute(select(ForwarderPlace.name))).scalars())
    new = [name for name in names if name not in known]
    if not new:
        return
    end = (await head_of(session)).sequence
    rows = [{"name": name, "sequence": end, "attempts": 0, "due_at": now} for name in new]
    # Another process may have placed it in the same moment.
    await session.execute(insert_into(session, ForwarderPlace).values(rows).on_conflict_do_nothing())


async def _leased(session: Session, *, name: str, now: datetime) -> _Lease | None:
    query = select(ForwarderPlace).where(ForwarderPlace.name == name, ForwarderPlace.due_at <= now)
    place = (await session.execute(query.with_for_update(skip_locked=True))).scalar_one_or_none()
    if place is None:
        return None
    place.due_at = now + LEASE
    return _Lease(name=name, sequence=place.sequence, attempts=place.attempts, until=place.due_at)


async def _settle(session: Session, *, run: _Run, now: datetime) -> None:
    """Write down how far it came, unless the lease has ended and the forwarder is another's by now."""
    held = ForwarderPlace.name == run.lease.name, ForwarderPlace.due_at == run.lease.until
    values = {"sequence": run.sequence, "attempts": run.attempts, "due_at": now + run.wait}
    await session.execute(update(ForwarderPlace).where(*held).values(values))


async def _after(session: Session, sequence: int) -> list[SealedEvent]:
    query = (
        select(AuditSeal, AuditEvent)
        .join(AuditEvent, AuditEvent.id == AuditSeal.audit_event_id)
        .where(AuditSeal.sequence > sequence)
        .order_by(AuditSeal.sequence)
        .limit(BATCH)
    )
    rows = (await session.execute(query)).all()
    names = await labels(session, [event.id for _, event in rows])
    return [SealedEvent.of(seal, event, names.get(event.id, {})) for seal, event in rows]

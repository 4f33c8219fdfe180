"""What is read of the database for each scrape: how much waits, and for how long. Two counts over indexes, no more."""

import asyncio
import logging

from domain import billing, outbox
from domain.clock import Clock
from domain.db import Database
from domain.errors import contained
from domain.telemetry import Metric, States

log = logging.getLogger(__name__)

SECONDS = 1.0
"""How long a scrape waits for the database; then it goes on without."""


async def metrics(database: Database, clock: Clock, *, accept: str = "") -> tuple[bytes, str]:
    """Write every metric for Prometheus, and say the content type; what cannot be read in time is left out."""
    return database.telemetry.exposition(await _read(database, clock), accept=accept)


async def _read(database: Database, clock: Clock) -> States:
    """Read the gauges; none when the database does not answer in time."""
    outcome = await contained(_in_time(database, clock), log=log, where="metrics")
    return outcome.value or {}


async def _in_time(database: Database, clock: Clock) -> States:
    async with asyncio.timeout(SECONDS), database.snapshot() as session:
        now = clock.now()
        backlog = await outbox.backlog(session, now=now)
        waiting = await billing.count_waiting(session, now=now)
    return {
        Metric.OUTBOX_DUE: {(): backlog.due},
        Metric.OUTBOX_GIVEN_UP: {(): backlog.given_up},
        Metric.OUTBOX_LAG: {(): backlog.lag.total_seconds()},
        Metric.WEBHOOK_EVENTS: {(state,): number for state, number in waiting.items()},
    }

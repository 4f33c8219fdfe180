"""How a catalog comes into force, here and in every other process, and how this one keeps up with the others.

The files count once: when a process first sees what they say. After that the history counts, so that a process that
starts late with older files follows the others and does not take everybody back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from domain import audit
from domain.clock import Clock
from domain.db import Database, Session
from domain.entitlements import catalog, history
from domain.entitlements.catalog import Catalog
from domain.entitlements.history import Period, Recorded
from domain.entitlements.in_force import InForce
from domain.errors import ConfigError, contained
from domain.scope import Scope

log = logging.getLogger(__name__)

Gates = Callable[[Catalog], None]
"""Raises ConfigError for a catalog that lacks what a gate of this process asks for."""


def no_gates(_: Catalog) -> None:
    """Accept every catalog, as a process without gates does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A catalog has come into force by hand, and which period has ended by it."""

    period: Period
    replaced: Period | None


class Rollout:
    """Keeps a process on the catalog in force. `start` it before anything is answered, then let it `run`."""

    SECONDS = 1.0
    """How long another process's catalog goes unnoticed, at most, beside the time of one read."""

    def __init__(self, files: Sequence[Path], found: Catalog, *, database: Database, clock: Clock) -> None:
        self.in_force = InForce(found)
        self._files = files
        self._database = database
        self._clock = clock
        self.gates: Gates = no_gates
        self._sequence = 0
        self._asked = self._answered = 0
        self._wanted = asyncio.Event()

    @classmethod
    def of(cls, files: Sequence[Path], *, database: Database, clock: Clock) -> "Rollout":
        """Begin with the catalog of these files.

        Raises:
            ConfigError: a file is at fault.
        """
        return cls(files, catalog.read(files), database=database, clock=clock)

    def widen(self, gates: Gates) -> None:
        """Let more gates be checked, now and from here on.

        Raises:
            ConfigError: the catalog at hand lacks what they ask for.
        """
        gates(self.in_force.catalog)
        before = self.gates

        def all_gates(found: Catalog) -> None:
            faults: list[str] = []
            for each in (before, gates):
                try:
                    each(found)
                except ConfigError as error:
                    faults += error.faults
            if faults:
                raise ConfigError(faults)

        self.gates = all_gates

    async def start(self) -> None:
        """Put the catalog at hand in force if it never was; else follow the one that is.

        Raises:
            Unavailable: the database could not be reached or was too busy.
        """
        await self._enter(self.in_force.catalog)

    def reload_soon(self) -> None:
        """Let `run` read the files again; may be called by a signal."""
        self._asked += 1
        self._wanted.set()

    async def run(self) -> None:
        """Follow the others, and read the files again when asked to, until cancelled. Whatever fails is tried again."""
        while True:
            self._wanted.clear()
            await contained(self.reload() if self._asked > self._answered else self.follow(), log=log, where="catalog")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.SECONDS):
                    await self._wanted.wait()

    async def follow(self) -> None:
        """Answer by the catalog that another process has put in force, if one has.

        Raises:
            Unavailable: the database could not be reached or was too busy.
        """
        recorded = await history.newest_period(self._database, after=self._sequence)
        if recorded is not None:
            self._take(recorded)

    async def reload(self) -> None:
        """Read the files again and let what they say come into force; with a fault in them all stays as it is.

        Raises:
            Unavailable: the database could not be reached or was too busy; all stays as it is.
        """
        asked = self._asked
        try:
            found = catalog.read(self._files)
            self.gates(found)
        except ConfigError as error:
            log.error("the catalog stays as it is, because of its files:\n%s", error)  # noqa: TRY400 - every fault is in the text
        else:
            await self._enter(found)
        self._answered = asked

    async def apply(self, wanted: Catalog, *, scope: Scope) -> Applied | None:
        """Put a catalog in force, whether or not it was before, with an audit row; None when it is in force already.

        Raises:
            ConfigError: it lacks what a gate of this process asks for.
            Unavailable: the database could not be reached or was too busy; nothing was written.
        """
        self.gates(wanted)
        return await self._database.run(partial(self._applied, wanted=wanted, scope=scope))

    async def _applied(self, session: Session, *, wanted: Catalog, scope: Scope) -> Applied | None:
        last, now = await history.hold(session), self._clock.now()
        period = await history.begin(session, wanted, last=last, at=now, again=True)
        if period is None:
            return None
        await audit.record(
            session,
            "catalog.applied",
            scope=scope,
            at=now,
            subject_id=period.version,
            before=None if last is None else {"version": last.version},
            after={"version": period.version},
        )
        return Applied(period=period, replaced=last)

    async def _enter(self, own: Catalog) -> None:
        """Put the catalog of the files in force if it never was, and answer by the one in force then."""
        recorded = await history.newest_period(self._database)
        if recorded is None or recorded.period.version != own.version:
            period = await self._database.run(partial(self._entered, own=own))
            recorded = (
                await history.newest_period(self._database) if period is None else Recorded(period=period, catalog=own)
            )
        if recorded is None:
            return
        if recorded.period.version != own.version:
            log.warning(
                "the files hold a catalog of before (%s); `seatgate catalog apply` goes back to it", own.version
            )
        self._take(recorded)

    async def _entered(self, session: Session, *, own: Catalog) -> Period | None:
        last = await history.hold(session)
        return await history.begin(session, own, last=last, at=self._clock.now())

    def _take(self, recorded: Recorded) -> None:
        """Answer by the catalog of a newer period; one that cannot be read leaves things as they are."""
        self._sequence = recorded.period.sequence
        before, now = self.in_force.catalog, recorded.catalog
        if recorded.period.version == before.version:
            return
        if now is None:
            log.error("the catalog in force (%s) cannot be read, %s stays", recorded.period.version, before.version)
            return
        self.in_force.replace(now)
        log.warning("the catalog %s has come into force, in the place of %s", now.version, before.version)
        try:
            self.gates(now)
        except ConfigError as error:
            log.error("nobody passes some gates, the catalog in force lacks what they ask for:\n%s", error)  # noqa: TRY400 - every fault is in the text

"""One look-out for a whole process: it learns which of all that is watched has changed, and wakes who watches it.

The rows' own versions are the truth, asked for once a second in one statement for many; a hint only makes it look
sooner, and only at what was hinted at. While nobody watches, it rests and hears no hints.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.clock import Clock
from domain.db import Database
from domain.entitlements import Version, versions_of_customers, versions_of_seats
from domain.errors import Unavailable, contained

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How long another process's change goes unnoticed without a hint, at most, beside the time of one read."""
BREATH_SECONDS = 0.02
"""How long hints are gathered after a look, before the next one."""
_NEVER_SEEN: Final = object()


class Kind(StrEnum):
    """What can be watched of a subject."""

    ENTITLEMENTS = "entitlements"
    SEATS = "seats"


_VERSIONS = {Kind.ENTITLEMENTS: versions_of_customers, Kind.SEATS: versions_of_seats}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched: of a customer what it has, of an organization its seats; by the id."""

    kind: Kind
    id: str


@dataclass(slots=True, eq=False)
class Watcher:
    """Somebody who waits: one flag, however much happens meanwhile.

    After `until`, an instant in UTC, what was read changes by itself; None: it does not.
    """

    until: datetime | None = None
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let it read again."""
        self._stirred.set()

    def begin(self) -> None:
        """Count only what happens from here on."""
        self._stirred.clear()
        self.until = None

    async def wait(self, seconds: float) -> None:
        """Wait to be woken, so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return


@dataclass(slots=True, eq=False)
class _Watched:
    """A subject's version as last seen, and who watches it."""

    version: object = _NEVER_SEEN
    watchers: set[Watcher] = field(default_factory=set)


class Watching:
    """Wakes watchers when what they watch has changed, or its time has come."""

    def __init__(self, *, database: Database, clock: Clock, look_seconds: float = LOOK_SECONDS) -> None:
        self._database = database
        self._clock = clock
        self._look_seconds = look_seconds
        self._watched: dict[Subject, _Watched] = {}
        self._hinted: set[Subject] = set()
        self._wanted = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._away = False
        self.closed = False

    @property
    def resting(self) -> bool:
        """Say whether nobody watches and nothing runs."""
        return not self._watched and self._looking is None

    @contextmanager
    def watching(self, subject: Subject) -> Iterator[Watcher]:
        """Watch a subject for as long as the block lasts."""
        watcher = Watcher()
        self._watched.setdefault(subject, _Watched()).watchers.add(watcher)
        self._look_soon([subject])
        try:
            yield watcher
        finally:
            self._forget(subject, watcher)

    def wake_all(self) -> None:
        """Wake everybody: what all answers rest on has changed."""
        for watched in self._watched.values():
            _wake(watched)

    async def look(self, subjects: Collection[Subject] | None = None) -> None:
        """Look once at these subjects, or at all, and wake whose have changed or become due.

        Raises:
            Unavailable: the database could not be reached or was too busy.
        """
        named = [subject for subject in self._watched if subjects is None or subject in subjects]
        by_kind: dict[Kind, list[str]] = defaultdict(list)
        for subject in named:
            by_kind[subject.kind].append(subject.id)
        self._wake_due()
        for kind, ids in by_kind.items():
            self._compare(kind, ids, await _VERSIONS[kind](self._database, ids))

    async def aclose(self) -> None:
        """Stop looking, and wake everybody for the last time."""
        self.closed = True
        self.wake_all()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    def _compare(self, kind: Kind, ids: Sequence[str], versions: Mapping[str, Version]) -> None:
        for id in ids:
            watched, version = self._watched.get(Subject(kind, id)), versions.get(id)
            # The first version seen may be newer than what the first watcher has read meanwhile.
            if watched is not None and watched.version != version:
                watched.version = version
                _wake(watched)

    def _wake_due(self) -> None:
        now = self._clock.now()
        for watched in self._watched.values():
            for watcher in watched.watchers:
                if watcher.until is not None and now > watcher.until:
                    watcher.wake()

    def _forget(self, subject: Subject, watcher: Watcher) -> None:
        watched = self._watched[subject]
        watched.watchers.remove(watcher)
        if not watched.watchers:
            del self._watched[subject]
        if not self._watched:
            self._wanted.set()

    def _look_soon(self, subjects: Collection[Subject]) -> None:
        self._hinted.update(subjects)
        self._wanted.set()
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_out())

    def _heard(self, ids: Collection[str] | None) -> None:
        """Look at what is hinted at, as far as somebody watches it; at everything where hints may have been missed."""
        if ids is None:
            self._look_soon(self._watched)
            return
        named = [subject for id in ids for kind in Kind if (subject := Subject(kind, id)) in self._watched]
        if named:
            self._look_soon(named)

    async def _look_out(self) -> None:
        loop = asyncio.get_running_loop()
        with self._database.hints.listening(self._heard):
            due = loop.time()
            while self._watched:
                self._wanted.clear()
                hinted, self._hinted = self._hinted, set()
                all_due = loop.time() >= due
                if all_due:
                    due = loop.time() + self._look_seconds
                await contained(self._look_quietly(None if all_due else hinted), log=log, where="live")
                await asyncio.sleep(BREATH_SECONDS)
                await self._rest(due - loop.time())
        self._looking = None

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0, seconds)):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def _look_quietly(self, subjects: Collection[Subject] | None) -> None:
        """Look, and say once that nothing can be seen while the database is away."""
        try:
            await self.look(subjects)
        except Unavailable:
            if not self._away:
                log.warning("nothing can be seen of what is watched; it is looked at again every second")
            self._away = True
        else:
            self._away = False


def _wake(watched: _Watched) -> None:
    for watcher in watched.watchers:
        watcher.wake()

"""How much each caller may ask for: buckets of points in this process's memory, refilled steadily.

No request waits for a database because of them. Each of several processes gives out its share, so that together they
give what one would; where one process sees more of a caller than another, the caller has less than all of it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from domain.clock import Clock
from domain.errors import RateLimited, Unauthenticated
from domain.scope import Scope
from graphql_api.addresses import neighbourhood

MAX_POINTS = 1000
"""The most that one operation may cost, and so the least that a bucket must hold."""
# Ten of the dearest operations at once, or 166 small ones a second for good: more than any screen asks for.
CREDENTIAL_POINTS = 10_000
# A host's own back end asks for everybody; this is above what one process can answer, and stops a loop gone wild.
HOST_POINTS = 100_000
# What answers without a credential costs a few points.
ADDRESS_POINTS = 1000
# Asking costs one point whatever comes of it.
ASKING = 1
# Two hundred wrong credentials a minute: an office whose tokens end at once gets through, a search for keys does not.
GUESS_POINTS = 5
REFILL = timedelta(minutes=1)
# Of each kind, some two megabytes. Whoever has not been here for a minute has a full bucket, which is the same as none.
KEPT_BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is in a bucket: of `limit` points `remaining`, and when (UTC) it will be full again."""

    limit: int
    remaining: int
    resets_at: datetime
    seconds: int


class Buckets:
    """Buckets of one size. A new one is full; those that were not used for the longest time are forgotten first."""

    def __init__(self, clock: Clock, *, points: int, processes: int) -> None:
        self._clock = clock
        self._limit = max(points // processes, MAX_POINTS)
        self._per_second = points / processes / REFILL.total_seconds()
        self._found: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take(self, key: str, points: int) -> None:
        """Take points out of a bucket.

        Raises:
            RateLimited: there are not as many in it; nothing was taken.
        """
        now = self._clock.now()
        level = self._level(key, now)
        if level < points:
            raise RateLimited(retry_after_seconds=ceil((points - level) / self._per_second))
        self._put(key, level - points, now)

    def give_back(self, key: str, points: int) -> None:
        """Put points back that should not have been taken."""
        now = self._clock.now()
        self._put(key, min(self._level(key, now) + points, self._limit), now)

    def standing(self, key: str) -> Standing:
        """Look into a bucket."""
        now = self._clock.now()
        level = self._level(key, now)
        seconds = (self._limit - level) / self._per_second
        resets_at = now + timedelta(seconds=seconds)
        return Standing(limit=self._limit, remaining=int(level), resets_at=resets_at, seconds=ceil(seconds))

    def __len__(self) -> int:
        return len(self._found)

    def _level(self, key: str, now: datetime) -> float:
        level, at = self._found.get(key, (float(self._limit), now))
        # A clock that was set back fills nothing.
        passed = max((now - at).total_seconds(), 0.0)
        return min(level + passed * self._per_second, self._limit)

    def _put(self, key: str, level: float, now: datetime) -> None:
        self._found[key] = (level, now)
        self._found.move_to_end(key)
        if len(self._found) > KEPT_BUCKETS:
            self._found.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One caller's bucket."""

    buckets: Buckets
    key: str

    def take(self, points: int) -> None:
        """Take points.

        Raises:
            RateLimited: there are not as many; nothing was taken.
        """
        self.buckets.take(self.key, points)

    def give_back(self, points: int) -> None:
        """Put points back that should not have been taken."""
        self.buckets.give_back(self.key, points)

    @contextmanager
    def paying_for_guesses(self, *, ahead: bool = False) -> Iterator[None]:
        """Let a credential be proven; one that proves nothing is paid for, `ahead` before anybody looks.

        Raises:
            RateLimited: it could not be paid for.
        """
        wrong = False
        if ahead:
            self.take(GUESS_POINTS)
        try:
            yield
        except Unauthenticated:
            wrong = True
            if not ahead:
                self.take(GUESS_POINTS)
            raise
        finally:
            if ahead and not wrong:
                self.give_back(GUESS_POINTS)

    def standing(self) -> Standing:
        """Look into the bucket."""
        return self.buckets.standing(self.key)


class Allowances:
    """The buckets of one application: by credential, and by address for whoever shows none, or a wrong one."""

    def __init__(self, clock: Clock, *, processes: int) -> None:
        self._credentials = Buckets(clock, points=CREDENTIAL_POINTS, processes=processes)
        self._hosts = Buckets(clock, points=HOST_POINTS, processes=processes)
        self._addresses = Buckets(clock, points=ADDRESS_POINTS, processes=processes)

    def of(self, scope: Scope | None, remote_address: str | None) -> Allowance:
        """Find the bucket of a caller; a key that acts for a user has one with each user."""
        if scope is None:
            return self.of_address(remote_address)
        if scope.key is not None and scope.key.organization_id is None and scope.on_behalf_of is None:
            return Allowance(self._hosts, scope.actor.id)
        return Allowance(self._credentials, f"{scope.actor.id}:{scope.effective_actor.id}")

    def of_address(self, remote_address: str | None) -> Allowance:
        """Find the bucket of an address; who has no address that can be told shares one with all others."""
        return Allowance(self._addresses, neighbourhood(remote_address))

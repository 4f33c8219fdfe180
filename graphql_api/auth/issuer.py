"""An issuer's keys at the address where it publishes them: fetched seldom, renewed beside the work, kept for so long.

Nothing here is asked for each token: a check finds the keys in memory unless they are missing or old, or the token
names one that is not there.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from domain.clock import Clock
from domain.errors import Unavailable
from domain.telemetry import Signal, Telemetry
from graphql_api.auth.published import Keys, UnknownKey, Unreadable

log = logging.getLogger(__name__)

RENEWED_AFTER = timedelta(minutes=4)
FRESH = timedelta(minutes=5)
"""For so long a key that the issuer has withdrawn may go on counting while its address answers."""
LONGEST = timedelta(hours=1)
"""For so long keys count while the address fails; then nobody is let in."""
AGAIN = timedelta(seconds=30)
"""Between two tries, so that neither strangers with made-up keys nor an address that fails make us ask more often."""
AGAIN_WITHOUT = timedelta(seconds=5)
"""The same while there is no key that counts, and nobody can be let in."""
ANSWER_SECONDS = 5.0
LARGEST_BYTES = 256 * 1024
HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


class NotFetched(Exception):
    """The address answered, and not with what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    keys: Keys
    at: datetime


class Issuer:
    """Checks tokens by the keys that are published at an address. All checks at once wait for one fetch at most."""

    def __init__(
        self, address: str, *, clock: Clock, telemetry: Telemetry, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._answer_seconds = answer_seconds
        self._address = address
        self._clock = clock
        self._telemetry = telemetry
        self._known: _Known | None = None
        self._tried: datetime | None = None
        self._failing = False
        self._fetch: asyncio.Task[None] | None = None
        self._trust: ssl.SSLContext | None = None

    async def claims(self, token: str) -> Mapping[str, object]:
        """Give what a token says, if one of the issuer's keys has signed it.

        Raises:
            Unauthenticated: none has, or it is no token that we take.
            Unavailable: there are no keys that count, and none could be fetched.
        """
        keys = await self._counting()
        try:
            return keys.claims(token)
        except UnknownKey:
            newer = await self._newer(keys)
            if newer is keys:
                raise
            return newer.claims(token)

    def begin(self) -> None:
        """Begin to fetch the keys, so that the first token need not wait for them."""
        self._try(AGAIN_WITHOUT)

    async def aclose(self) -> None:
        """Stop a fetch that is under way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)

    async def _counting(self) -> Keys:
        """Give the keys that count now: fresh ones, or those of the last hour while the address fails."""
        age = self._age()
        if age is None or age >= LONGEST:
            self._try(AGAIN_WITHOUT)
            await self._fetched()
            age = self._age()
        elif age >= RENEWED_AFTER:
            self._try(AGAIN)
            if age >= FRESH and not self._failing:
                await self._fetched()
        if self._known is None or age is None or age >= LONGEST:
            raise Unavailable
        return self._known.keys

    async def _newer(self, keys: Keys) -> Keys:
        """Look once whether the issuer has published another key since; the same keys if it was asked just now.

        While the address fails nobody waits for it: else strangers could have us hold as many requests as we can.
        """
        if self._known is not None and self._known.keys is keys:
            self._try(AGAIN)
            if not self._failing:
                await self._fetched()
        return keys if self._known is None else self._known.keys

    def _age(self) -> timedelta | None:
        # A clock that was set back makes nothing young.
        return None if self._known is None else abs(self._clock.now() - self._known.at)

    def _try(self, pause: timedelta) -> None:
        """Begin to fetch, unless that is under way or was tried within the pause."""
        now = self._clock.now()
        if self._fetch is not None or (self._tried is not None and abs(now - self._tried) < pause):
            return
        self._tried = now
        self._fetch = asyncio.create_task(self._renew(now))

    async def _fetched(self) -> None:
        """Wait for the fetch that is under way, if any; whoever gives up waiting leaves it running."""
        if self._fetch is not None:
            await asyncio.shield(self._fetch)

    async def _renew(self, now: datetime) -> None:
        """Fetch the keys; whatever goes wrong leaves those that are there."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                keys = Keys.read(await self._document())
        except (httpx.HTTPError, OSError, TimeoutError, NotFetched, Unreadable) as error:
            self._failing = True
            log.warning("the issuer's keys were not fetched: %s %s", type(error).__name__, error)
            self._telemetry.signal(Signal.KEYS_NOT_RENEWED, {})
        else:
            self._known, self._failing = _Known(keys=keys, at=now), False
        finally:
            self._fetch = None

    async def _document(self) -> bytes:
        """Read what the address answers, counted as it arrives; nothing is unpacked and no redirection followed."""
        if self._trust is None:
            self._trust = await asyncio.to_thread(httpx.create_ssl_context)
        # For each fetch a client: one every few minutes is no loss, and nothing stays open between them.
        async with (
            httpx.AsyncClient(verify=self._trust, timeout=self._answer_seconds, trust_env=False) as client,
            client.stream("GET", self._address, headers=HEADERS) as answer,
        ):
            if answer.status_code != httpx.codes.OK or "content-encoding" in answer.headers:
                raise NotFetched(f"status {answer.status_code}")
            received = bytearray()
            async for chunk in answer.aiter_raw():
                received += chunk
                if len(received) > LARGEST_BYTES:
                    raise NotFetched(f"more than {LARGEST_BYTES} bytes")
            return bytes(received)

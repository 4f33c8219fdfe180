"""The endpoint that is judged: events are posted to it as Stripe posts them, signed at that moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from domain.proofs.webhooks.signing import sign

HEADER = "stripe-signature"
# Stripe goes on for days; whoever does not take an event by then takes it never.
MOST_TRIES = 6
FIRST_WAIT_SECONDS = 0.1
OK, REDIRECT, CLIENT, SERVER = 200, 300, 400, 500
SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a status, or None and why nothing did."""

    status: int | None
    text: str

    @property
    def taken(self) -> bool:
        """Whether the event was acknowledged."""
        return self.status is not None and OK <= self.status < REDIRECT

    @property
    def refused(self) -> bool:
        """Whether the request was refused as the sender's fault."""
        return self.status is not None and CLIENT <= self.status < SERVER

    @property
    def crashed(self) -> bool:
        """Whether the endpoint failed, or said nothing in time."""
        return self.status is None or self.status >= SERVER

    def __str__(self) -> str:
        told = "no answer" if self.status is None else str(self.status)
        return f"{told} ({self.text[:SHOWN]})" if self.text else told


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where events go, and the secret that signs them. `client` has the timeout of one request."""

    url: str
    secret: str
    client: httpx.AsyncClient
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def post(self, body: bytes, signature: str | None) -> Answer:
        """Post a body once, whatever its signature."""
        headers = {"content-type": "application/json"} | ({} if signature is None else {HEADER: signature})
        try:
            answer = await self.client.post(self.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return Answer(status=None, text=type(error).__name__)
        return Answer(status=answer.status_code, text=" ".join(answer.text.split()))

    async def send(self, body: bytes) -> Answer:
        """Post a signed body once."""
        return await self.post(body, sign(body, self.secret, int(time.time())))

    async def deliver(self, body: bytes) -> Answer:
        """Post a signed body until it is taken, or has been sent often enough; give the last answer."""
        wait = FIRST_WAIT_SECONDS
        for _ in range(MOST_TRIES - 1):
            answer = await self.send(body)
            if answer.taken:
                return answer
            await self.sleep(wait)
            wait *= 2
        return await self.send(body)

"""A processor that misbehaves by script: the Fake does the deeds, and the script says what becomes of the answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TypeVar

from domain.billing.processors import (
    Capabilities,
    CheckoutOrder,
    CheckoutSession,
    Event,
    ItemChange,
    News,
    ProcessorRefused,
    ProcessorUnavailable,
    Purchase,
    Subscribed,
    Unoffered,
)
from domain.billing.processors.fake import FakeProcessor
from domain.billing.states import PauseBehavior, Proration, Snapshot
from domain.ids import CustomerId

T = TypeVar("T")


class Scene(StrEnum):
    ANSWERS = "answers"
    AWAY = "away"  # nothing is done, and nobody answers
    LOSES = "loses the answer"  # the deed is done, and nobody hears of it
    REFUSES = "refuses"
    BREAKS = "breaks"  # an exception that nobody expects
    HANGS = "hangs"  # the deed is done, and the answer waits for `go_on`


class ScriptedProcessor(Unoffered):
    """Plays one scene a call, and answers once the script has run out. `calls` holds what was asked, with its key."""

    def __init__(self, fake: FakeProcessor, *script: Scene) -> None:
        self.name = fake.name
        self.livemode = fake.livemode
        self.capabilities: Capabilities = fake.capabilities
        self.script = list(script)
        self.calls: list[tuple[str, str]] = []
        self.on_fetch: Callable[[], Awaitable[None]] | None = None
        self.fetched: Callable[[Snapshot | None], Snapshot | None] = lambda snapshot: snapshot
        self.secret: str | None = None
        self.hanging = asyncio.Event()
        self.go_on = asyncio.Event()
        self._fake = fake

    def event(self, body: bytes, signature: str | None, *, now: datetime) -> Event:
        return self._fake.event(body, signature, now=now)

    def stored(self, body: bytes) -> Event:
        return self._fake.stored(body)

    def news(self, event: Event) -> News | None:
        return self._fake.news(event)

    async def whole(self, event: Event) -> Event:
        return await self._fake.whole(event)

    async def now(self) -> datetime:
        return await self._fake.now()

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:
        return await self._fake.create_customer(customer_id, key=key)

    async def find_customer(self, customer_id: CustomerId, *, since: datetime) -> str | None:
        return await self._fake.find_customer(customer_id, since=since)

    async def find_purchase(self, customer_processor_id: str, *, key: str) -> Snapshot | None:
        return await self._fake.find_purchase(customer_processor_id, key=key)

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        answer = await self._play("subscribe", key, lambda: self._fake.subscribe(customer_processor_id, items, key=key))
        return replace(answer, client_secret=self.secret)

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        def deed() -> Awaitable[Snapshot]:
            return self._fake.cancel(processor_id, at_period_end=at_period_end, at=at, key=key)

        return await self._play("cancel", key, deed)

    async def resume(self, processor_id: str, *, key: str) -> Snapshot:
        return await self._play("resume", key, lambda: self._fake.resume(processor_id, key=key))

    async def change_item(self, processor_id: str, change: ItemChange, *, proration: Proration, key: str) -> Snapshot:
        def deed() -> Awaitable[Snapshot]:
            return self._fake.change_item(processor_id, change, proration=proration, key=key)

        return await self._play("change_item", key, deed)

    async def pause(
        self, processor_id: str, *, behavior: PauseBehavior, resumes_at: datetime | None, key: str
    ) -> Snapshot:
        def deed() -> Awaitable[Snapshot]:
            return self._fake.pause(processor_id, behavior=behavior, resumes_at=resumes_at, key=key)

        return await self._play("pause", key, deed)

    async def unpause(self, processor_id: str, *, key: str) -> Snapshot:
        return await self._play("unpause", key, lambda: self._fake.unpause(processor_id, key=key))

    async def create_checkout(self, order: CheckoutOrder, *, key: str) -> CheckoutSession:
        return await self._play("create_checkout", key, lambda: self._fake.create_checkout(order, key=key))

    async def expire_checkout(self, processor_id: str, *, key: str) -> CheckoutSession:
        deed = partial(self._fake.expire_checkout, processor_id, key=key)
        return await self._play("expire_checkout", processor_id, deed)

    async def create_portal(self, customer_processor_id: str, *, return_url: str, key: str) -> str:
        deed = partial(self._fake.create_portal, customer_processor_id, return_url=return_url, key=key)
        return await self._play("create_portal", key, deed)

    async def fetch(self, processor_id: str) -> Snapshot | None:
        found = await self._play("fetch", processor_id, lambda: self._fake.fetch(processor_id))
        if self.on_fetch is not None:
            await self.on_fetch()
        return self.fetched(found)

    async def aclose(self) -> None:
        await self._fake.aclose()

    async def _play(self, call: str, key: str, deed: Callable[[], Awaitable[T]]) -> T:
        self.calls.append((call, key))
        scene = self.script.pop(0) if self.script else Scene.ANSWERS
        if scene is Scene.AWAY:
            raise ProcessorUnavailable("away")
        if scene is Scene.REFUSES:
            raise ProcessorRefused("No.")
        if scene is Scene.BREAKS:
            raise RuntimeError("nobody expects this")
        answer = await deed()
        if scene is Scene.LOSES:
            raise ProcessorUnavailable("lost")
        if scene is Scene.HANGS:
            self.hanging.set()
            await self.go_on.wait()
        return answer

"""A processor that stands in memory, with its subscriptions laid open: what is asked of it is counted, and may fail."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.billing.processors import (
    Capabilities,
    Capability,
    Event,
    ItemChange,
    Label,
    News,
    ProcessorRefused,
    ProcessorUnavailable,
    Purchase,
    Subscribed,
    Unoffered,
    capabilities,
    shapes,
)
from domain.billing.states import (
    Item,
    PauseBehavior,
    PauseCollection,
    ProcessorName,
    Proration,
    Snapshot,
    Status,
    SubscriptionState,
)
from domain.clock import Clock
from domain.ids import CustomerId
from tests.support.scripted import Scene


class Register(Unoffered):
    """Keeps subscriptions of the account `cus_1`. `calls` holds what was asked: the call, its essence, its key."""

    name = ProcessorName.FAKE
    livemode = False

    def __init__(self, clock: Clock) -> None:
        self.capabilities: Capabilities = capabilities(Label.NATIVE, *Capability)
        self.states: dict[str, SubscriptionState] = {}
        self.script: list[Scene | ProcessorUnavailable] = []
        self.fetch_script: list[Scene] = []
        self.calls: list[tuple[str, Any, str]] = []
        self.fetches = 0
        self.hanging = asyncio.Event()
        self.go_on = asyncio.Event()
        self._answers: dict[str, Snapshot] = {}
        self._clock = clock

    def opens(self, processor_id: str, *items: Item, status: Status = Status.ACTIVE) -> None:
        self.states[processor_id] = SubscriptionState(status=status, items=items)

    def changes(self, processor_id: str, **changes: Any) -> None:
        """Change a subscription by other hands."""
        self.states[processor_id] = replace(self.states[processor_id], **changes)

    def shown(self, processor_id: str) -> Snapshot:
        state = self.states[processor_id]
        return Snapshot(processor_id=processor_id, customer_processor_id="cus_1", livemode=False, state=state)

    def asked(self, call: str) -> list[Any]:
        return [essence for name, essence, _ in self.calls if name == call]

    async def change_item(self, processor_id: str, change: ItemChange, *, proration: Proration, key: str) -> Snapshot:
        def deed(state: SubscriptionState) -> SubscriptionState:
            if change.item_id not in {item.processor_id for item in state.items}:
                raise ProcessorRefused("There is no such item.", code="resource_missing")
            return replace(state, items=tuple(_changed(item, change) for item in state.items))

        return await self._play("change_item", processor_id, (change.quantity, proration), key, deed)

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        def deed(state: SubscriptionState) -> SubscriptionState:
            assert not at_period_end
            return replace(state, status=Status.CANCELED, ended_at=self._clock.now())

        return await self._play("cancel", processor_id, at, key, deed)

    async def pause(
        self, processor_id: str, *, behavior: PauseBehavior, resumes_at: datetime | None, key: str
    ) -> Snapshot:
        def deed(state: SubscriptionState) -> SubscriptionState:
            return replace(state, pause_collection=PauseCollection(behavior=behavior, resumes_at=resumes_at))

        return await self._play("pause", processor_id, behavior, key, deed)

    async def now(self) -> datetime:
        return self._clock.now()

    async def fetch(self, processor_id: str) -> Snapshot | None:
        self.fetches += 1
        if self.fetch_script and self.fetch_script.pop(0) is Scene.AWAY:
            raise ProcessorUnavailable("away")
        return self.shown(processor_id) if processor_id in self.states else None

    def event(self, body: bytes, signature: str | None, *, now: datetime) -> Event:
        return self.stored(body)

    def stored(self, body: bytes) -> Event:
        return shapes.event(body, processor=self.name)

    def news(self, event: Event) -> News | None:
        return shapes.news(event)

    async def whole(self, event: Event) -> Event:
        raise NotImplementedError  # stories here are only told and fetched

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:
        raise NotImplementedError  # stories here are only told and fetched

    async def find_customer(self, customer_id: CustomerId, *, since: datetime) -> str | None:
        raise NotImplementedError  # stories here are only told and fetched

    async def find_purchase(self, customer_processor_id: str, *, key: str) -> Snapshot | None:
        raise NotImplementedError  # stories here are only told and fetched

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        raise NotImplementedError  # stories here are only told and fetched

    async def aclose(self) -> None:
        return

    async def _play(
        self,
        call: str,
        processor_id: str,
        essence: object,
        key: str,
        deed: Callable[[SubscriptionState], SubscriptionState],
    ) -> Snapshot:
        self.calls.append((call, essence, key))
        scene = self.script.pop(0) if self.script else Scene.ANSWERS
        if isinstance(scene, ProcessorUnavailable):
            raise scene
        if scene is Scene.AWAY:
            raise ProcessorUnavailable("away")
        if scene is Scene.REFUSES:
            raise ProcessorRefused("No.")
        if scene is Scene.BREAKS:
            raise RuntimeError("nobody expects this")
        answer = self._do(processor_id, key, deed)
        if scene is Scene.LOSES:
            raise ProcessorUnavailable("lost")
        if scene is Scene.HANGS:
            self.hanging.set()
            await self.go_on.wait()
        return answer

    def _do(self, processor_id: str, key: str, deed: Callable[[SubscriptionState], SubscriptionState]) -> Snapshot:
        """Do a deed once for each key."""
        if key not in self._answers:
            if processor_id not in self.states or self.states[processor_id].ended_at is not None:
                raise ProcessorRefused("There is no such subscription.", code="resource_missing")
            self.states[processor_id] = deed(self.states[processor_id])
            self._answers[key] = self.shown(processor_id)
        return self._answers[key]


def _changed(item: Item, change: ItemChange) -> Item:
    if item.processor_id != change.item_id:
        return item
    return replace(item, price_id=change.price_id, quantity=change.quantity)

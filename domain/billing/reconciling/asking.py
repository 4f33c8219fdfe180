"""What is asked of a processor, politely: few questions at a time, and again after the wait that it asks for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from domain.billing.processors import (
    Capability,
    Event,
    Label,
    Processor,
    ProcessorRefused,
    ProcessorUnavailable,
    offers,
)
from domain.billing.processors.news import News, SubscriptionTold, SubscriptionTouched
from domain.billing.processors.refusals import UnreadableEvent
from domain.billing.states import Snapshot
from domain.clock import Clock
from domain.errors import UpstreamUnavailable

T = TypeVar("T")

TRIES = 3
LONGEST_REST = timedelta(seconds=30)
BEAT_AFTER = 100

Beat = Callable[[int, int | None], Awaitable[None]]
"""Is told how far a run is, of how many customers (None: nobody knows yet), at least every hundred of anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The subscriptions that a processor knows. Both clocks are read just before the question."""

    asked_at: datetime
    processor_time: datetime
    held: tuple[Snapshot, ...]

    def shares(self) -> dict[str, "Listing"]:
        """Share it out among the processor's customers; who has nothing is not among them."""
        held: dict[str, list[Snapshot]] = {}
        for snapshot in self.held:
            held.setdefault(snapshot.customer_processor_id, []).append(snapshot)
        return {account: replace(self, held=tuple(own)) for account, own in held.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event of the processor's own list. `news` None: it tells nothing that is read here."""

    event: Event
    body: bytes
    news: News | None

    @property
    def subscription(self) -> str | None:
        """The subscription whose state it tells, by the processor's id."""
        match self.news:
            case SubscriptionTold(snapshot=snapshot):
                return snapshot.processor_id
            case SubscriptionTouched(processor_id=processor_id):
                return processor_id
            case _:
                return None

    @property
    def account(self) -> str | None:
        """The processor's customer that it is about, where it is about a subscription and says so."""
        match self.news:
            case SubscriptionTold(snapshot=snapshot):
                return snapshot.customer_processor_id
            case SubscriptionTouched(customer_processor_id=customer_processor_id):
                return customer_processor_id
            case _:
                return None


async def nothing(_done: int, _of: int | None) -> None:
    """Listen to no beat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Questions to one processor. `rest` waits for so many seconds."""

    processor: Processor
    clock: Clock
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep

    def can(self, capability: Capability) -> bool:
        """Say whether the processor does this at all."""
        return offers(self.processor, capability)

    @property
    def knows_all(self) -> bool:
        """Say whether what the processor does not know is not there. The Fake takes events of others' subscriptions."""
        return self.processor.capabilities.get(Capability.FETCH) is not Label.TESTING_LOCAL_ONLY

    async def listing(self, account: str | None = None, *, beat: Beat = nothing) -> Listing:
        """List the subscriptions of one of the processor's customers, or of all.

        Raises:
            UpstreamUnavailable: the processor does not answer, or refuses to.
        """

        async def ask() -> Listing:
            asked_at, processor_time = self.clock.now(), await self.processor.now()
            held: list[Snapshot] = []
            async for snapshot in self.processor.list_subscriptions(account):
                if snapshot.livemode == self.processor.livemode:
                    held.append(snapshot)
                if len(held) % BEAT_AFTER == 0:
                    await beat(0, None)
            return Listing(asked_at=asked_at, processor_time=processor_time, held=tuple(held))

        return await self.answered(ask)

    async def fetch(self, processor_id: str) -> Snapshot | None:
        """Look at one subscription; None when the processor does not know it.

        Raises:
            UpstreamUnavailable: the processor does not answer, or refuses to.
        """
        return await self.answered(lambda: self.processor.fetch(processor_id))

    async def events(self, *, since: datetime, most: int | None = None, beat: Beat = nothing) -> list[ToldEvent]:
        """List the processor's own events since an instant of its clock, the oldest first, `most` of them.

        Raises:
            UpstreamUnavailable: the processor does not answer, or refuses to.
        """

        async def ask() -> list[ToldEvent]:
            told: list[ToldEvent] = []
            async for body in self.processor.list_events(since=since):
                if (event := self._told(body)) is not None:
                    told.append(event)
                if len(told) % BEAT_AFTER == 0:
                    await beat(0, None)
                if len(told) == most:
                    break
            return told

        return await self.answered(ask)

    def _told(self, body: bytes) -> ToldEvent | None:
        """Read an event; what is none is nothing that could be kept."""
        try:
            event = self.processor.stored(body)
        except UnreadableEvent:
            return None
        try:
            news = self.processor.news(event)
        except UnreadableEvent:
            news = None
        return ToldEvent(event=event, body=body, news=news)

    async def answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, again after the rest that the processor wants, and give the answer.

        Raises:
            UpstreamUnavailable: the processor does not answer, or refuses to.
        """
        for tried in range(1, TRIES + 1):
            try:
                return await ask()
            except ProcessorUnavailable as error:
                wait = error.retry_after
                if tried == TRIES or wait is None or wait > LONGEST_REST.total_seconds():
                    raise UpstreamUnavailable(retry_after_seconds=wait) from error
                await self.rest(wait)
            except ProcessorRefused as error:
                raise UpstreamUnavailable from error
        raise AssertionError("the last try returns or raises")

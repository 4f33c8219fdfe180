"""The Fake: a small processor of our own for development and tests, behind the same protocol as Stripe.

What it holds true is in the database, because several processes share it. It speaks Stripe's JSON, signs as Stripe does
and sends its events through the outbox to the ordinary inbox. No processor's library and no rule of ours enters, and it
never runs in production.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from domain import outbox
from domain.billing.lifecycle import terminal
from domain.billing.processors import (
    Capability,
    Event,
    Label,
    News,
    ProcessorRefused,
    Purchase,
    Subscribed,
    Unoffered,
    capabilities,
    shapes,
    signatures,
)
from domain.billing.processors.fake import documents
from domain.billing.processors.fake.documents import Document, id_of
from domain.billing.processors.fake.faults import Fault, FaultKind, Faults
from domain.billing.processors.fake.models import FakeAdvance, FakeRequest, FakeSubscription
from domain.billing.states import ProcessorName, Snapshot
from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import InvalidInput
from domain.ids import CustomerId

__all__ = ["FakeAdvance", "FakeProcessor", "FakeRequest", "FakeSubscription", "Fault", "FaultKind"]

FARTHEST_SECONDS = 10 * 366 * 86400


Work = Callable[[Session], Awaitable[Document]]


class Receiver(Protocol):
    """Takes webhooks in: the inbox."""

    async def receive(self, name: ProcessorName, body: bytes, signature: str | None) -> None:
        """Store and apply an event."""


class FakeProcessor(Unoffered):
    """A processor that charges nobody: what is bought is active at once, for 30 days at a time."""

    TOPIC = "fake.webhook"

    name = ProcessorName.FAKE
    livemode = False
    capabilities = capabilities(
        Label.TESTING_LOCAL_ONLY,
        Capability.CUSTOMER_CREATE,
        Capability.SUBSCRIBE,
        Capability.FETCH,
        Capability.CANCEL,
        Capability.CANCEL_AT_PERIOD_END,
        Capability.CANCEL_AT,
        Capability.RESUME,
        Capability.WEBHOOKS,
    )

    def __init__(self, *, database: Database, clock: Clock, webhook_secrets: Sequence[str]) -> None:
        self._database = database
        self._clock = clock
        self._secrets = tuple(webhook_secrets)
        self._faults = Faults()

    def script(self, faults: Iterable[Fault]) -> None:
        """Let commands of this process fail as they come: each fault once, in order; an empty script clears it.

        Raises:
            ValueError: a fault that no call can have.
        """
        self._faults.script(faults)

    def event(self, body: bytes, signature: str | None, *, now: datetime) -> Event:
        """Verify the signature over the raw bytes, then read the envelope, whoever made the subscription."""
        signatures.verify(body, signature, secrets=self._secrets, now=now)
        return self.stored(body)

    def stored(self, body: bytes) -> Event:
        """Read an event whose signature was verified when it came."""
        return shapes.event(body, processor=self.name)

    def news(self, event: Event) -> News | None:
        """Read what the event tells."""
        return shapes.news(event)

    def sign(self, body: bytes) -> str:
        """Make the signature header for a body that is sent now, by our clock."""
        return signatures.sign(body, self._secrets[0], self._clock.now())

    def deliverer(self, receiver: Receiver) -> outbox.Deliver:
        """Make the outbox's handler for TOPIC; it signs at the moment of delivery, so that no signature grows old."""

        async def deliver(payload: dict[str, Any]) -> None:
            body = payload["body"].encode()
            await receiver.receive(self.name, body, self.sign(body))

        return deliver

    async def now(self) -> datetime:
        """Say what time it is on the Fake's own clock: ours, and every advance on top."""
        async with self._database.snapshot() as session:
            return await self._time(session)

    async def create_customer(self, customer_id: CustomerId, *, key: str) -> str:  # noqa: ARG002 - nothing is kept of it
        """Name a customer; the Fake sells to any name."""

        async def name() -> str:
            return id_of("cus", key)

        return await self._faults.play("create_customer", name)

    async def subscribe(self, customer_processor_id: str, items: Sequence[Purchase], *, key: str) -> Subscribed:
        """Buy `items`, active at once; there is no payment to confirm."""
        request = {"customer": customer_processor_id, "items": [asdict(item) for item in items]}
        work = partial(self._subscribe, id_of("sub", key), customer_processor_id, items)
        answer = await self._faults.play("subscribe", partial(self._once, key, request, work))
        return Subscribed(snapshot=shapes.snapshot(answer))

    async def cancel(self, processor_id: str, *, at_period_end: bool, at: datetime | None, key: str) -> Snapshot:
        """End the subscription at `at`, else at the period's end, else now; hand back as it is what has ended."""
        request = {"id": processor_id, "at_period_end": at_period_end, "at": at and at.isoformat()}
        work = partial(self._cancel, processor_id, at_period_end=at_period_end, at=at)
        return await self._change("cancel", processor_id, key, request, work)

    async def resume(self, processor_id: str, *, key: str) -> Snapshot:
        """Take back an end that has not come yet; hand back as it is what has ended."""
        return await self._change(
            "resume", processor_id, key, {"resume": processor_id}, partial(self._resume, processor_id)
        )

    async def fetch(self, processor_id: str) -> Snapshot | None:
        """Read the subscription as the Fake knows it; None when somebody else made it."""

        async def read() -> Snapshot | None:
            async with self._database.snapshot() as session:
                row = await session.get(FakeSubscription, processor_id)
            return None if row is None else shapes.snapshot(row.document)

        return await self._faults.play("fetch", read)

    async def aclose(self) -> None:
        """Let go of nothing; the database is the caller's."""

    async def replace_items(self, processor_id: str, items: Sequence[Purchase]) -> bytes:
        """Replace what is bought and hand back the event for it, unsent: the caller signs and posts it.

        Raises:
            ProcessorRefused: the Fake has no such subscription, or it has ended, or `items` is empty.
        """
        return await self._database.run(partial(self._replace, processor_id, items))

    async def advance(self, seconds: int) -> int:
        """Move the Fake's clock forward and let happen, in order, what falls due; say how much did. 0 only looks.

        Raises:
            InvalidInput: `seconds` is negative or more than ten years.
        """
        if not 0 <= seconds <= FARTHEST_SECONDS:
            raise InvalidInput("The clock moves forward, ten years at most.")
        return await self._database.run(partial(self._advance, seconds))

    async def _change(self, operation: str, id: str, key: str, request: Document, work: Work) -> Snapshot:
        """Carry out a command on a subscription; where the script wants nothing done, the answer is it as it is."""

        async def unchanged(session: Session) -> Document:
            return (await _locked(session, id)).document

        do, leave = (partial(self._once, key, request, each) for each in (work, unchanged))
        return shapes.snapshot(await self._faults.play(operation, do, leave))

    async def _once(self, key: str, request: Document, work: Work) -> Document:
        """Carry out a command unless its key was answered before.

        Raises:
            ProcessorRefused: the key came with another request before.
        """

        async def answer(session: Session) -> Document:
            known = await session.get(FakeRequest, key)
            if known is None:
                known = FakeRequest(key=key, request=request, answer={})
                session.add(known)
                await session.flush()
                known.answer = await work(session)
            if known.request != request:
                raise ProcessorRefused("This key was used for something else.", code="idempotency_error")
            return known.answer

        try:
            return await self._database.run(answer)
        except IntegrityError:
            # A twin took the key between our look and our insert; now its answer is there.
            return await self._database.run(answer)

    async def _subscribe(self, id: str, customer: str, items: Sequence[Purchase], session: Session) -> Document:
        _require(items)
        now = await self._time(session)
        bought = documents.subscription(id, customer, items, now)
        row = FakeSubscription(id=id, document=bought, changes=0, due_at=None)
        session.add(row)
        await self._send(session, _change(row, "created", bought, now))
        return row.document

    async def _cancel(self, id: str, session: Session, *, at_period_end: bool, at: datetime | None) -> Document:
        row, now = await _locked(session, id), await self._time(session)
        if terminal(shapes.snapshot(row.document).state):
            return row.document
        if at is not None and at <= now:
            raise ProcessorRefused("This instant has passed.", code="parameter_invalid")
        if at is not None or at_period_end:
            sent = _change(row, "updated", documents.ending(row.document, at, now), now)
        else:
            sent = _change(row, "deleted", documents.ended(row.document, int(now.timestamp())), now)
        await self._send(session, sent)
        return row.document

    async def _resume(self, id: str, session: Session) -> Document:
        row, now = await _locked(session, id), await self._time(session)
        if not terminal(shapes.snapshot(row.document).state):
            await self._send(session, _change(row, "updated", documents.resumed(row.document), now))
        return row.document

    async def _replace(self, id: str, items: Sequence[Purchase], session: Session) -> bytes:
        row, now = await _locked(session, id), await self._time(session)
        _require(items)
        if terminal(shapes.snapshot(row.document).state):
            raise ProcessorRefused("The subscription has ended.", code="resource_missing")
        start, _ = documents.period(row.document)
        replaced = row.document | {"items": documents.listed(id, items, start)}
        return json.dumps(_change(row, "updated", replaced, now)).encode()

    async def _advance(self, seconds: int, session: Session) -> int:
        if seconds:
            session.add(FakeAdvance(seconds=seconds))
            await session.flush()
        now, happened = await self._time(session), 0
        due = select(FakeSubscription).where(FakeSubscription.due_at <= now)
        first = due.order_by(FakeSubscription.due_at, FakeSubscription.id).limit(1).with_for_update()
        while row := (await session.execute(first)).scalar_one_or_none():
            await self._send(session, _come_due(row))
            happened += 1
        return happened

    async def _time(self, session: Session) -> datetime:
        ahead = (await session.execute(select(func.coalesce(func.sum(FakeAdvance.seconds), 0)))).scalar_one()
        return self._clock.now() + timedelta(seconds=int(ahead))

    async def _send(self, session: Session, event: Document) -> None:
        payload = {"body": json.dumps(event)}
        await outbox.put(session, topic=self.TOPIC, key=event["id"], payload=payload, at=self._clock.now())


async def _locked(session: Session, id: str) -> FakeSubscription:
    row = await session.get(FakeSubscription, id, with_for_update=True)
    if row is None:
        raise ProcessorRefused("There is no such subscription.", code="resource_missing")
    return row


def _require(items: Sequence[Purchase]) -> None:
    if not items:
        raise ProcessorRefused("Nothing is bought.", code="parameter_missing")


def _come_due(row: FakeSubscription) -> Document:
    after = documents.come_due(row.document)
    assert row.due_at is not None
    return _change(row, "deleted" if after["ended_at"] else "updated", after, row.due_at)


def _change(row: FakeSubscription, kind: str, after: Document, now: datetime) -> Document:
    """Make `after` the truth from `now` on, and write the event that tells of it."""
    before = row.document if kind == "updated" else None
    row.document, row.due_at, row.changes = after, documents.due(after), row.changes + 1
    return documents.event(kind, after, number=row.changes, before=before, now=now)

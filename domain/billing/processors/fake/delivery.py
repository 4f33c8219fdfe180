"""How the Fake's webhooks reach whoever receives them: signed when they are sent, and as wrongly as it is scripted."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

import httpx
from sqlalchemy import select

from domain import outbox
from domain.billing.processors.fake.books import TOPIC, Books
from domain.billing.processors.fake.faults import FaultKind
from domain.billing.processors.fake.models import FakeEvent
from domain.billing.processors.fake.requests import Requests
from domain.billing.states import ProcessorName

TIMEOUT_SECONDS = 30

Signed = tuple[bytes, str]
Send = Callable[[Sequence[bytes]], Awaitable[None]]


class Receiver(Protocol):
    """Takes webhooks in: the inbox."""

    async def receive(self, name: ProcessorName, body: bytes, signature: str | None) -> None:
        """Store and apply an event."""

    async def receive_all(self, name: ProcessorName, sent: Sequence[Signed]) -> None:
        """Store and apply events, each a body with its signature."""


@dataclass(slots=True)
class Plan:
    """What becomes of webhooks whose time has come. `held`: ids of events; `late`: payloads, and when they come."""

    bodies: list[bytes] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    late: list[tuple[dict[str, Any], timedelta]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)


class Webhooks:
    """Delivers what waits in the outbox."""

    def __init__(self, requests: Requests, send: Send) -> None:
        self._requests = requests
        self._send = send

    async def deliver(self, *payloads: dict[str, Any]) -> None:
        """Deliver webhooks in this order, unless a script wants it otherwise.

        Raises:
            Exception: the receiver's own; none of them counts as delivered.
        """
        plan = await self._plan(payloads)
        if plan.bodies:
            await self._send(plan.bodies)
        if plan.held or plan.late or plan.released:
            await self._requests.write(partial(_settle, plan=plan))

    async def _plan(self, payloads: Sequence[dict[str, Any]]) -> Plan:
        plan = Plan()
        waiting = await self._requests.held()
        if not waiting and not await self._requests.faults_wait():
            plan.bodies = [payload["body"].encode() for payload in payloads]
            return plan
        plan.released = [id for id, _ in waiting]
        for payload in payloads:
            body = payload["body"].encode()
            event = json.loads(body)
            fault = await self._requests.fault(event["type"])
            match fault and fault.kind:
                case FaultKind.DROP:
                    continue
                case FaultKind.DELAY:
                    assert fault is not None
                    plan.late.append((payload, timedelta(seconds=fault.seconds)))
                    continue
                case FaultKind.REORDER:
                    waiting.append((event["id"], body))
                    continue
                case FaultKind.DUPLICATE:
                    plan.bodies.append(body)
            plan.bodies += [body, *(overtaken for _, overtaken in waiting)]
            waiting = []
        plan.held = [id for id, _ in waiting]
        plan.released = [id for id in plan.released if id not in plan.held]
        return plan


async def _settle(books: Books, *, plan: Plan) -> None:
    now = books.clock.now()
    concerned = select(FakeEvent).where(FakeEvent.id.in_([*plan.held, *plan.released]))
    for event in (await books.session.execute(concerned)).scalars():
        event.held_at = (event.held_at or now) if event.id in plan.held else None
    for payload, late in plan.late:
        key = json.loads(payload["body"])["id"]
        await outbox.put(books.session, topic=TOPIC, key=key, payload=payload, at=now + late)


async def post(url: str, sent: Sequence[Signed]) -> None:
    """Post webhooks to a server, one after the other, as a processor would.

    Raises:
        httpx.HTTPError: it does not answer, or not with a success.
    """
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        for body, signature in sent:
            headers = {"content-type": "application/json", "stripe-signature": signature}
            (await client.post(url, content=body, headers=headers)).raise_for_status()

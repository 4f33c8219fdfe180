"""The Fake's webhooks arrive as they are scripted to: twice, late, out of order or never; in-process or over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from domain import outbox
from domain.billing.processors import ProcessorUnavailable, Purchase
from domain.billing.processors.fake import FakeProcessor, Fault, FaultKind
from domain.billing.processors.signatures import verify
from domain.billing.states import ProcessorName
from domain.db import Database
from tests.support.clock import FixedClock

MINUTE = timedelta(minutes=1)
TEAM = [Purchase(price_id="price_team_monthly", quantity=2)]
UPDATED = "customer.subscription.updated"


class Receiving:
    """Notes the quantities that it is told, in the order in which it is."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.refuses = False

    async def receive(self, name: ProcessorName, body: bytes, signature: str | None) -> None:
        if self.refuses:
            raise RuntimeError("not now")
        event = json.loads(body)
        if event["type"] == UPDATED:
            self.told.append(event["data"]["object"]["items"]["data"][0]["quantity"])

    async def receive_all(self, name: ProcessorName, sent: Sequence[tuple[bytes, str | None]]) -> None:
        for body, signature in sent:
            await self.receive(name, body, signature)


def fake_of(database: Database, clock: FixedClock, deliver_to: str | None = None) -> FakeProcessor:
    return FakeProcessor(database=database, clock=clock, webhook_secrets=["whsec_1"], deliver_to=deliver_to)


@pytest.fixture
async def fake(database: Database, clock: FixedClock) -> FakeProcessor:
    return fake_of(database, clock)


@pytest.fixture
def receiver() -> Receiving:
    return Receiving()


async def one_after_the_other(fake: FakeProcessor, database: Database, clock: FixedClock, to: Receiving) -> None:
    await outbox.deliver_due(database, clock, {fake.TOPIC: fake.deliverer(to)})


async def all_together(fake: FakeProcessor, database: Database, clock: FixedClock, to: Receiving) -> None:
    await fake.deliver_due(to)


async def change(fake: FakeProcessor, quantities: Sequence[int]) -> None:
    """Buy, and let the webhooks of these quantities wait behind each other."""
    sub = (await fake.subscribe("cus_1", TEAM, key="buy:1")).snapshot
    [item] = sub.state.items
    for quantity in quantities:
        body = await fake.replace_items(sub.processor_id, [Purchase(price_id=item.price_id, quantity=quantity)])
        await _send(fake, body)


async def _send(fake: FakeProcessor, body: bytes) -> None:
    async def put(books: object) -> None:
        await outbox.put(
            books.session,  # type: ignore[attr-defined]  # the Fake's books
            topic=fake.TOPIC,
            key=json.loads(body)["id"],
            payload={"body": body.decode()},
            at=books.clock.now(),  # type: ignore[attr-defined]  # the same
        )

    await fake._requests.write(put)


@pytest.mark.parametrize("deliver", [one_after_the_other, all_together])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("kind", "at_once", "after_a_minute"),
    [
        (None, [3, 4, 5], [3, 4, 5]),
        (FaultKind.DUPLICATE, [3, 3, 4, 5], [3, 3, 4, 5]),
        (FaultKind.REORDER, [4, 3, 5], [4, 3, 5]),
        (FaultKind.DELAY, [4, 5], [4, 5, 3]),
        (FaultKind.DROP, [4, 5], [4, 5]),
    ],
)
async def test_each_fault_hits_one_webhook_and_does_what_it_says(
    fake: FakeProcessor,
    database: Database,
    clock: FixedClock,
    receiver: Receiving,
    deliver: type,
    shared: bool,
    kind: FaultKind | None,
    at_once: list[int],
    after_a_minute: list[int],
) -> None:
    await change(fake, [3, 4, 5])
    faults = [Fault(kind=kind, operation=UPDATED, seconds=60 if kind is FaultKind.DELAY else 0)] if kind else []
    if shared:
        await fake_of(database, clock).script_everywhere(faults)
    else:
        fake.script(faults)

    await deliver(fake, database, clock, receiver)
    first = list(receiver.told)
    clock.forward(seconds=61)
    await fake.advance(0)
    await deliver(fake, database, clock, receiver)

    assert first == at_once
    assert receiver.told == after_a_minute


@pytest.mark.parametrize("deliver", [one_after_the_other, all_together])
async def test_what_is_held_back_for_one_that_never_comes_is_sent_after_a_minute(
    fake: FakeProcessor, database: Database, clock: FixedClock, receiver: Receiving, deliver: type
) -> None:
    await change(fake, [3])
    fake.script([Fault(kind=FaultKind.REORDER, operation=UPDATED)])

    await deliver(fake, database, clock, receiver)
    await fake.advance(0)
    await deliver(fake, database, clock, receiver)
    held = list(receiver.told)
    clock.forward(seconds=61)
    await fake.advance(0)
    await deliver(fake, database, clock, receiver)

    assert held == []
    assert receiver.told == [3]


async def test_what_is_dropped_is_still_in_the_list_of_events(
    fake: FakeProcessor, clock: FixedClock, receiver: Receiving
) -> None:
    await change(fake, [3])
    fake.script([Fault(kind=FaultKind.DROP, operation=UPDATED)])

    await fake.deliver_due(receiver)

    assert receiver.told == []
    assert UPDATED in [json.loads(body)["type"] async for body in fake.list_events(since=clock.now() - MINUTE)]


async def test_a_receiver_that_refuses_gets_it_again_later(
    fake: FakeProcessor, database: Database, clock: FixedClock, receiver: Receiving
) -> None:
    await change(fake, [3, 4])
    receiver.refuses = True
    with pytest.raises(RuntimeError):
        await fake.deliver_due(receiver)
    receiver.refuses = False

    clock.forward(seconds=61)
    await fake.deliver_due(receiver)

    assert receiver.told == [3, 4]


async def test_a_shared_fault_of_a_command_hits_once_in_whichever_process_comes_first(
    fake: FakeProcessor, database: Database, clock: FixedClock
) -> None:
    await fake.script_everywhere([Fault(kind=FaultKind.ERROR_500, operation="subscribe"), Fault(kind=FaultKind.DROP)])
    twins = [fake_of(database, clock) for _ in range(3)]

    outcomes = await asyncio.gather(
        *(twin.subscribe("cus_1", TEAM, key=f"buy:{number}") for number, twin in enumerate(twins)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes].count(ProcessorUnavailable) == 1
    assert len([one async for one in fake.list_subscriptions()]) == 2


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, list[tuple[bytes, str]], list[int]]]:
    """A server that takes webhooks: its address, what came with its signature, and what it shall answer."""
    came: list[tuple[bytes, str]] = []
    answers: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        came.append((await reader.readexactly(int(headers["content-length"])), headers["stripe-signature"]))
        status = answers.pop(0) if answers else 200
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield f"http://127.0.0.1:{port}/webhooks", came, answers


async def test_webhooks_are_posted_to_an_address_signed_and_again_until_they_are_taken(
    database: Database, clock: FixedClock, server: tuple[str, list[tuple[bytes, str]], list[int]]
) -> None:
    address, came, answers = server
    answers.append(500)
    fake = fake_of(database, clock, deliver_to=address)
    await fake.subscribe("cus_1", TEAM, key="buy:1")
    deliverer = {fake.TOPIC: fake.deliverer()}

    await outbox.deliver_due(database, clock, deliverer)
    clock.forward(seconds=5)
    await outbox.deliver_due(database, clock, deliverer)

    types = [json.loads(body)["type"] for body, _ in came]
    assert types == ["customer.subscription.created", "invoice.paid", "customer.subscription.created"]
    verify(*came[-1], secrets=["whsec_1"], now=clock.now())

"""The outbox: every effect at least once, again after growing waits, and never a second deliverer on the same one."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from domain import outbox
from domain.db import Database, Session
from domain.outbox import LEASE, LONGEST_WAIT, MAX_ATTEMPTS, OutboxMessage
from tests.support.clock import FixedClock


async def ask(database: Database, clock: FixedClock, *numbers: int, topic: str = "mail") -> None:
    async with database.transaction() as session:
        for number in numbers:
            await outbox.put(session, topic=topic, key=str(number), payload={"n": number}, at=clock.now())


async def messages(database: Database) -> list[tuple[int, int, datetime | None]]:
    async with database.snapshot() as session:
        rows = (await session.execute(select(OutboxMessage).order_by(OutboxMessage.id))).scalars()
        return [(row.payload["n"], row.attempts, row.due_at) for row in rows]


class Post:
    """Carries letters, except those that it is told to lose."""

    def __init__(self, *lost: int) -> None:
        self.lost = set(lost)
        self.sent: list[int] = []

    async def __call__(self, payload: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        self.sent.append(payload["n"])
        if payload["n"] in self.lost:
            raise ConnectionError


async def test_what_is_due_is_carried_out_once_in_order(database: Database, clock: FixedClock) -> None:
    post = Post()
    await ask(database, clock, 1, 2, 3)

    assert await outbox.deliver_due(database, clock, {"mail": post}) == 3
    assert await outbox.deliver_due(database, clock, {"mail": post}) == 0

    assert post.sent == [1, 2, 3]
    assert await messages(database) == []


async def test_an_effect_of_a_transaction_that_is_undone_never_happens(database: Database, clock: FixedClock) -> None:
    async def body(session: Session) -> None:
        await outbox.put(session, topic="mail", key="1", payload={"n": 1}, at=clock.now())
        raise ZeroDivisionError

    post = Post()
    with pytest.raises(ZeroDivisionError):
        await database.run(body)

    await outbox.deliver_due(database, clock, {"mail": post})

    assert post.sent == []


async def test_a_handler_that_fails_changes_nothing_for_the_others(database: Database, clock: FixedClock) -> None:
    post = Post(2)
    await ask(database, clock, 1, 2, 3)

    await outbox.deliver_due(database, clock, {"mail": post})

    assert post.sent == [1, 2, 3]
    assert await messages(database) == [(2, 1, clock.now() + timedelta(seconds=1))]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_the_waits_double_to_an_hour_and_end_after_twenty_attempts(database: Database, clock: FixedClock) -> None:
    post = Post(1)
    await ask(database, clock, 1)
    waits = []

    for _ in range(MAX_ATTEMPTS - 1):
        await outbox.deliver_due(database, clock, {"mail": post})
        due_at = (await messages(database))[0][2]
        assert due_at is not None
        waits.append(due_at - clock.now())
        clock.forward(seconds=waits[-1].total_seconds() - 0.001)
        assert await outbox.deliver_due(database, clock, {"mail": post}) == 0
        clock.forward(seconds=0.001)
    await outbox.deliver_due(database, clock, {"mail": post})

    assert waits == [min(timedelta(seconds=2**n), LONGEST_WAIT) for n in range(MAX_ATTEMPTS - 1)]
    assert await messages(database) == [(1, 20, None)]
    clock.forward(days=30)
    assert await outbox.deliver_due(database, clock, {"mail": post}) == 0
    assert len(post.sent) == 20


async def test_two_deliverers_at_once_carry_out_each_message_once(database: Database, clock: FixedClock) -> None:
    post = Post()
    await ask(database, clock, *range(20))

    tried = await asyncio.gather(*(outbox.deliver_due(database, clock, {"mail": post}) for _ in range(3)))

    assert sum(tried) == 20
    assert sorted(post.sent) == list(range(20))
    assert await messages(database) == []


async def test_what_a_crash_left_is_carried_out_again_when_its_lease_ends(
    database: Database, clock: FixedClock
) -> None:
    post = Post()
    await ask(database, clock, 1)

    async def crash(_: dict[str, Any]) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await outbox.deliver_due(database, clock, {"mail": crash})
    assert await outbox.deliver_due(database, clock, {"mail": post}) == 0
    clock.forward(seconds=LEASE.total_seconds())
    await outbox.deliver_due(database, clock, {"mail": post})

    assert post.sent == [1]


@pytest.mark.parametrize("slow_one_fails", [False, True])
async def test_a_handler_slower_than_its_lease_is_overtaken_without_harm(
    database: Database, clock: FixedClock, slow_one_fails: bool
) -> None:
    post = Post()
    await ask(database, clock, 1, 2)

    async def slow(payload: dict[str, Any]) -> None:
        if payload["n"] == 1:
            clock.forward(seconds=LEASE.total_seconds())
            await outbox.deliver_due(database, clock, {"mail": post})
            if slow_one_fails:
                raise ConnectionError

    await outbox.deliver_due(database, clock, {"mail": slow})

    assert post.sent == [1, 2]
    assert await messages(database) == []


async def test_a_topic_without_a_handler_waits_for_one(database: Database, clock: FixedClock) -> None:
    post = Post()
    await ask(database, clock, 1, topic="fax")
    await ask(database, clock, 2)

    assert await outbox.deliver_due(database, clock, {"mail": post}) == 1

    assert await messages(database) == [(1, 0, clock.now())]

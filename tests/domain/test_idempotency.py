"""Keys: one effect and one answer for each, remembered for a day, and no trace of what came to nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from domain.db import Database, Session, open_database
from domain.errors import IdempotencyInProgress, IdempotencyMismatch, InvalidInput
from domain.idempotency import PRUNED_AT_ONCE, Answer, Call, IdempotencyRecord, digest_of, prune
from tests.support.clock import FixedClock
from tests.support.databases import PostgreSQL
from tests.support.tables import unchanged

DONE: Answer = {"id": "mem_1"}


def called(
    clock: FixedClock, *, actor: str = "usr_1", operation: str = "addMember", key: str = "k", n: int = 1
) -> Call:
    return Call(actor_id=actor, operation=operation, key=key, digest=digest_of({"n": n}), now=clock.now())


async def do(database: Database, call: Call, answer: Answer = DONE) -> Answer | None:
    """Carry a command out in one transaction, or give the answer that is known."""

    async def body(session: Session) -> Answer | None:
        known = await call.begin(session)
        if known is None:
            await call.finish(session, answer)
        return known

    return await database.run(body)


async def claim(database: Database, call: Call) -> Answer | None:
    """Begin a command that goes on after this transaction."""
    return await database.run(call.begin)


async def records(database: Database) -> Sequence[IdempotencyRecord]:
    async with database.snapshot() as session:
        return (await session.execute(select(IdempotencyRecord).order_by(IdempotencyRecord.key))).scalars().all()


async def test_the_first_call_is_carried_out_and_the_second_gets_its_answer(
    database: Database, clock: FixedClock
) -> None:
    first = await do(database, called(clock))
    async with unchanged(database):
        second = await do(database, called(clock), {"id": "mem_2"})

    assert (first, second) == (None, DONE)


@pytest.mark.parametrize("other", [{"actor": "usr_2"}, {"operation": "removeMember"}, {"key": "K"}])
async def test_another_caller_operation_or_key_is_another_call(
    database: Database, clock: FixedClock, other: dict[str, Any]
) -> None:
    await do(database, called(clock))

    assert await do(database, called(clock, **other)) is None
    assert len(await records(database)) == 2


async def test_another_input_under_the_same_key_is_refused(database: Database, clock: FixedClock) -> None:
    await do(database, called(clock))

    async with unchanged(database):
        with pytest.raises(IdempotencyMismatch) as refused:
            await do(database, called(clock, n=2))

    assert refused.value.path == ["input", "idempotencyKey"]


async def test_what_is_rolled_back_leaves_no_trace_of_its_key(database: Database, clock: FixedClock) -> None:
    async def body(session: Session) -> None:
        await called(clock).begin(session)
        await session.flush()
        raise ZeroDivisionError

    async with unchanged(database):
        with pytest.raises(ZeroDivisionError):
            await database.run(body)

    assert await do(database, called(clock, n=2)) is None


async def test_a_call_that_has_not_finished_keeps_its_twins_waiting_and_others_out(
    database: Database, clock: FixedClock
) -> None:
    await claim(database, called(clock))

    async with unchanged(database):
        with pytest.raises(IdempotencyInProgress) as refused:
            await claim(database, called(clock))
        with pytest.raises(IdempotencyMismatch):
            await claim(database, called(clock, n=2))

    assert refused.value.retry_after_seconds == 1


async def test_a_claim_that_is_finished_in_a_later_transaction_gives_its_answer(
    database: Database, clock: FixedClock
) -> None:
    call = called(clock)
    await claim(database, call)

    async with database.transaction() as session:
        await call.finish(session, DONE)

    assert await claim(database, call) == DONE


async def test_a_claim_that_is_forgotten_frees_its_key_for_any_input(database: Database, clock: FixedClock) -> None:
    await claim(database, called(clock))

    for _ in range(2):
        async with database.transaction() as session:
            await called(clock).forget(session)

    assert await claim(database, called(clock, n=2)) is None


async def test_a_twin_in_an_open_transaction_is_not_waited_for(
    postgresql: PostgreSQL, tmp_path: Path, clock: FixedClock
) -> None:
    # On SQLite there is one writer at a time, and so no two open transactions.
    database = open_database(postgresql.fresh(tmp_path))
    async with database.transaction() as first, database.transaction() as second:
        assert await called(clock).begin(first) is None
        with pytest.raises(IdempotencyInProgress):
            await called(clock).begin(second)
        assert await called(clock, key="other").begin(second) is None
    await database.aclose()


async def test_a_key_lives_for_a_day_and_not_a_moment_longer(database: Database, clock: FixedClock) -> None:
    await do(database, called(clock))

    clock.forward(hours=24, microseconds=-1)
    still = await do(database, called(clock, n=1))
    clock.forward(microseconds=1)
    anew = await do(database, called(clock, n=2), {"id": "mem_2"})

    assert (still, anew) == (DONE, None)
    [record] = await records(database)
    assert (record.answer, record.created_at) == ({"id": "mem_2"}, clock.now())


async def test_pruning_deletes_what_is_over_and_nothing_that_has_not_finished(
    database: Database, clock: FixedClock
) -> None:
    await do(database, called(clock, key="done"))
    await claim(database, called(clock, key="open"))
    clock.forward(hours=1)
    await do(database, called(clock, key="young"))
    clock.forward(hours=23)

    pruned = [await prune(database, clock), await prune(database, clock)]

    assert pruned == [1, 0]
    assert [record.key for record in await records(database)] == ["open", "young"]


async def test_pruning_deletes_a_bounded_number_at_once(database: Database, clock: FixedClock) -> None:
    async with database.transaction() as session:
        for number in range(PRUNED_AT_ONCE + 1):
            session.add(
                IdempotencyRecord(
                    actor_id="usr_1", operation="o", key=str(number), digest="d", answer=DONE, created_at=clock.now()
                )
            )
    clock.forward(hours=24)

    assert [await prune(database, clock) for _ in range(3)] == [PRUNED_AT_ONCE, 1, 0]


async def test_a_call_that_has_not_finished_is_still_under_way_after_a_day(
    database: Database, clock: FixedClock
) -> None:
    await claim(database, called(clock))
    clock.forward(days=2)

    with pytest.raises(IdempotencyInProgress):
        await claim(database, called(clock))


@pytest.mark.parametrize("key", ["", "x" * 65, "ä", "a\nb", "a\0b", "\x7f"])
def test_a_key_that_is_not_printable_ascii_of_1_to_64_characters_is_refused(clock: FixedClock, key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        called(clock, key=key)

    assert refused.value.path == ["input", "idempotencyKey"]


@pytest.mark.parametrize("key", ["x", "x" * 64, " ~ !"])
async def test_any_printable_ascii_of_that_length_is_a_key(database: Database, clock: FixedClock, key: str) -> None:
    assert await do(database, called(clock, key=key)) is None


def test_the_digest_does_not_know_the_order_of_fields_and_knows_everything_else() -> None:
    same = digest_of({"a": 1, "b": [1, 2]})

    assert digest_of({"b": [1, 2], "a": 1}) == same
    assert same not in {digest_of(other) for other in ({"a": 1, "b": [2, 1]}, {"a": "1", "b": [1, 2]}, {"a": 1})}


async def test_the_session_of_a_call_names_its_key(database: Database, clock: FixedClock) -> None:
    async with database.transaction() as session:
        before = session.idempotency_key
        await called(clock).begin(session)

        assert (before, session.idempotency_key) == (None, "k")

"""Forwarders that raise, hang, cancel themselves or die: the ledger and the other forwarders go on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from domain.audit import Forwarder, Forwarding, SealedEvent
from domain.db import Database, open_database
from domain.errors import ConfigError
from domain.wiring import build
from tests.support import ledger
from tests.support.clock import FixedClock
from tests.support.ledger import Listener
from tests.support.tables import scalar
from tests.support.wired import settings_of, user

# A slow machine is no failure: only what really hangs meets the deadline, and each call waits until all is done.
DEADLINE, PATIENCE = 1.0, 30.0
Make = Callable[..., Awaitable[Forwarding]]


class Acting(Listener):
    """Does what it is given before it remembers."""

    def __init__(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        super().__init__(name)
        self.act = act

    async def forward(self, event: SealedEvent) -> None:
        await self.act()
        await super().forward(event)


@pytest.fixture
async def make(database: Database, clock: FixedClock) -> AsyncIterator[Make]:
    made: list[Forwarding] = []

    async def of(*forwarders: Forwarder, on: Database = database, patience: float = PATIENCE) -> Forwarding:
        forwarding = Forwarding(
            database=on, clock=clock, forwarders=forwarders, deadline_seconds=DEADLINE, patience_seconds=patience
        )
        made.append(forwarding)
        await forwarding.forward_due()
        return forwarding

    yield of
    for forwarding in made:
        await forwarding.aclose()


async def happen(database: Database, clock: FixedClock, number: int = 1, **changes: Any) -> None:
    for _ in range(number):
        await ledger.write(database, clock.forward(seconds=1), **changes)
    await ledger.seal(database)


async def until(forwarding: Forwarding, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await forwarding.forward_due()


async def place(database: Database, column: str = "sequence", name: str = "listener") -> Any:
    return await scalar(database, f"SELECT {column} FROM audit_forwarders WHERE name = :name", name=name)


async def test_events_are_told_in_the_order_of_their_seals_with_the_names_of_people(
    database: Database, clock: FixedClock, make: Make
) -> None:
    listener = Listener()
    forwarding = await make(listener)
    await happen(database, clock, 3, subject_label="Bob", after={"role": "MEMBER"})

    assert await forwarding.forward_due() == 3

    assert listener.sequences == [1, 2, 3]
    first = listener.told[0]
    assert (first.actor_id, first.actor_label, first.effective_actor_id) == ("usr_ann", "Ann", "usr_ann")
    assert (first.subject_label, first.after, first.action) == ("Bob", {"role": "MEMBER"}, "membership.added")
    assert await forwarding.forward_due() == 0


async def test_nothing_is_told_before_it_is_sealed(database: Database, clock: FixedClock, make: Make) -> None:
    listener = Listener()
    forwarding = await make(listener)
    await ledger.write(database, clock.now())

    await forwarding.forward_due()

    assert listener.told == []


async def test_a_new_forwarder_begins_at_the_present_end(database: Database, clock: FixedClock, make: Make) -> None:
    await happen(database, clock, 2)
    listener = Listener()
    forwarding = await make(listener)

    await happen(database, clock)
    await forwarding.forward_due()

    assert listener.sequences == [3]


async def test_a_forwarder_goes_on_where_it_was_when_the_process_starts_anew(
    database: Database, clock: FixedClock, make: Make
) -> None:
    await (await make(Listener())).aclose()
    await happen(database, clock, 2)
    listener = Listener()

    await make(listener)

    assert listener.sequences == [1, 2]


async def test_more_than_a_batch_is_told_in_several_stretches(
    database: Database, clock: FixedClock, make: Make
) -> None:
    listener = Listener()
    forwarding = await make(listener)
    await ledger.write_many(database, clock, 250)
    await ledger.seal(database)

    await until(forwarding, lambda: len(listener.told) == 250)

    assert listener.sequences == list(range(1, 251))


async def test_only_what_is_wanted_is_told_by_name_or_by_beginning(
    database: Database, clock: FixedClock, make: Make
) -> None:
    listener = Listener(actions=("membership.", "organization.created"))
    forwarding = await make(listener)
    actions = ["membership.added", "membershipx.added", "organization.created", "organization.created_too", "user.made"]
    for action in actions:
        await happen(database, clock, action=action)

    await forwarding.forward_due()

    assert [event.action for event in listener.told] == ["membership.added", "organization.created"]
    assert await place(database) == 5


async def test_what_raises_is_told_again_later_and_later_and_holds_up_nobody_else(
    database: Database, clock: FixedClock, make: Make
) -> None:
    broken, sound = Listener("listener"), Listener("sound")
    broken.failing = 3
    forwarding = await make(broken, sound)
    await happen(database, clock, 2)
    waits = []

    for _ in range(3):
        await forwarding.forward_due()
        waits.append((await place(database, "due_at"), clock.now()))
        await forwarding.forward_due()
        assert await place(database, "attempts") == len(waits)
        clock.forward(seconds=2 ** (len(waits) - 1))
    await forwarding.forward_due()

    assert sound.sequences == broken.sequences == [1, 2]
    assert await place(database, "attempts") == 0


async def test_an_event_that_is_never_taken_is_left_out_after_twenty_tries(
    database: Database, clock: FixedClock, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener()
    listener.failing = 20
    forwarding = await make(listener)
    await happen(database, clock, 2)

    for _ in range(19):
        await forwarding.forward_due()
        clock.forward(hours=1)
    assert await place(database) == 0
    await forwarding.forward_due()
    await forwarding.forward_due()

    assert listener.sequences == [2]
    assert [record.levelno for record in caplog.records if "goes on without it" in record.message] == [logging.ERROR]


async def test_what_hangs_is_cut_off_and_told_again(database: Database, clock: FixedClock, make: Make) -> None:
    hanging = Acting("listener", lambda: asyncio.sleep(3600))
    forwarding = await make(hanging)
    await happen(database, clock)

    await forwarding.forward_due()
    assert await place(database, "attempts") == 1
    hanging.act = lambda: asyncio.sleep(0)
    clock.forward(seconds=1)
    await until(forwarding, lambda: bool(hanging.told))

    assert hanging.sequences == [1]


async def test_what_hangs_keeps_neither_the_worker_nor_another_waiting(
    database: Database, clock: FixedClock, make: Make
) -> None:
    hanging, sound = Acting("listener", lambda: asyncio.sleep(3600)), Listener("sound")
    forwarding = await make(hanging, sound, patience=0.01)
    await happen(database, clock)

    await until(forwarding, lambda: bool(sound.told))
    await happen(database, clock)
    await until(forwarding, lambda: len(sound.told) == 2)

    assert (sound.sequences, hanging.told) == ([1, 2], [])


async def test_what_does_not_even_let_itself_be_cancelled_is_not_run_a_second_time_meanwhile(
    database: Database, clock: FixedClock, make: Make
) -> None:
    let_go = asyncio.Event()
    calls = 0

    async def stubborn() -> None:
        nonlocal calls
        calls += 1
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    forwarding = await make(Acting("listener", stubborn))
    await happen(database, clock)
    await until(forwarding, lambda: bool(forwarding._stuck))
    clock.forward(hours=1)

    await forwarding.forward_due()
    assert calls == 1
    let_go.set()
    await asyncio.sleep(0.01)
    await until(forwarding, lambda: calls == 2)


async def test_what_cancels_itself_cancels_nobody_else(database: Database, clock: FixedClock, make: Make) -> None:
    async def cancel() -> None:
        raise asyncio.CancelledError

    sound = Listener("sound")
    forwarding = await make(Acting("listener", cancel), sound)
    await happen(database, clock)

    await forwarding.forward_due()

    assert sound.sequences == [1]
    assert await place(database, "attempts") == 1


async def test_what_raises_before_it_can_be_awaited_is_told_again_later_too(
    database: Database, clock: FixedClock, make: Make
) -> None:
    class Plain:
        name, actions = "listener", None

        def forward(self, event: SealedEvent) -> None:
            raise RuntimeError("not even a coroutine")

    forwarding = await make(cast("Forwarder", Plain()))
    await happen(database, clock)

    await forwarding.forward_due()
    await forwarding.forward_due()

    assert (await place(database), await place(database, "attempts")) == (0, 1)


async def test_two_processes_never_run_one_forwarder_at_once_and_lose_nothing(
    database: Database, database_url: str, clock: FixedClock, make: Make
) -> None:
    running = most = 0
    told: list[int] = []

    class Watched(Listener):
        async def forward(self, event: SealedEvent) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            told.append(event.sequence)
            running -= 1

    other = open_database(database_url)
    here, there = await make(Watched()), await make(Watched(), on=other)
    await ledger.write_many(database, clock, 150)
    await ledger.seal(database)

    async with asyncio.timeout(20):
        while len(told) < 150:
            await asyncio.gather(here.forward_due(), there.forward_due())

    await there.aclose()
    await other.aclose()
    assert most == 1
    assert told == list(range(1, 151))


async def test_a_process_that_died_is_followed_by_another_when_its_lease_has_ended(
    database: Database, clock: FixedClock, make: Make
) -> None:
    await (await make(Listener())).aclose()
    await happen(database, clock)
    dead = clock.now() + timedelta(seconds=60)
    await ledger.set_raw(database, "UPDATE audit_forwarders SET due_at = :dead", dead=_written(database, dead))
    listener = Listener()

    forwarding = await make(listener)
    assert listener.told == []
    clock.forward(seconds=61)
    await forwarding.forward_due()

    assert listener.sequences == [1]


async def test_stopping_in_the_middle_keeps_what_was_told_and_frees_the_forwarder(
    database: Database, clock: FixedClock, make: Make
) -> None:
    listener = Acting("listener", lambda: asyncio.sleep(0))
    forwarding = await make(listener, patience=0.01)
    await happen(database, clock, 3)
    ends = asyncio.Event()

    async def hang_at_the_second() -> None:
        if listener.told:
            ends.set()
            await asyncio.sleep(3600)

    listener.act = hang_at_the_second
    await forwarding.forward_due()
    await ends.wait()

    await forwarding.aclose()

    assert (await place(database), await place(database, "attempts")) == (1, 0)
    successor = Listener()
    await make(successor)
    assert successor.sequences == [2, 3]


@pytest.mark.parametrize("names", [["a", "a"], [""], ["a" * 101]])
def test_names_are_there_short_and_unique(sqlite: Any, tmp_path: Any, clock: FixedClock, names: list[str]) -> None:
    settings = settings_of(f"sqlite+aiosqlite:///{tmp_path}/seatgate.db")

    with pytest.raises(ConfigError, match="forwarders: "):
        build(settings, forwarders=[Listener(name) for name in names], clock=clock)


async def test_the_worker_tells_forwarders_and_closes_them(database_url: str, clock: FixedClock) -> None:
    class Open(Listener):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    listener = Open()
    services = build(settings_of(database_url), forwarders=[listener], clock=clock)
    await services.worker.round()
    await user(services, "ann")

    async with asyncio.timeout(20):
        while not listener.told:
            await services.worker.round()
    await services.aclose()

    assert [event.action for event in listener.told] == ["user.registered"]
    assert listener.closed


def _written(database: Database, at: Any) -> Any:
    return at if database.dialect == "postgresql" else at.strftime("%Y-%m-%d %H:%M:%S.%f")

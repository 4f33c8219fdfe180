"""Small proofs with real processes, on both engines: what holds is proved, what is broken on purpose is found."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from domain.proofs import Plan, Progress, Scratch, ViolationKind, prove_seats, scratch
from domain.proofs.seats import arena, child, looking
from domain.proofs.seats.history import Answer, Operation, history_of, read_all
from domain.proofs.seats.plan import STAGE
from domain.proofs.seats.troupe import Troupe
from domain.wiring import build
from tests.support.databases import Sqlite

SMALL = Plan(processes=2, tasks=4, attempts=300, organizations=3, kills=1)


def running(folder: Path) -> list[str]:
    """List the processes that work for a proof."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in command:
            found.append(process.parent.name)
    return found


async def over(troupe: Troupe) -> None:
    """Wait until everybody is gone."""
    await asyncio.gather(*(actor.process.wait() for actor in troupe._actors.values()))
    assert not troupe.living()


async def test_seats_hold_under_contention_and_a_kill(database_url: str) -> None:
    told: list[Progress] = []

    async with scratch(database_url) as place:
        outcome = await prove_seats(place, SMALL, tell=told.append)
        left = running(place.folder)

    assert outcome.violations == ()
    assert outcome.attempts == 300
    assert sum(sum(answers.values()) for answers in outcome.outcomes.values()) == 300
    assert outcome.kills == 1
    assert outcome.contention > 1
    assert outcome.outcomes["add"].get("done", 0) > 0
    assert outcome.outcomes["add"].get("full", 0) > 0
    assert told[-1].of == 300
    assert left == []


async def test_a_proof_ends_when_its_time_is_up(sqlite: Sqlite, tmp_path: Path) -> None:
    plan = replace(SMALL, attempts=1_000_000, kills=0, seconds=1)

    async with scratch(sqlite.fresh(tmp_path)) as place:
        outcome = await prove_seats(place, plan, tell=lambda _: None)

    assert 0 < outcome.attempts < plan.attempts
    assert outcome.violations == ()


async def test_a_proof_that_is_cancelled_leaves_no_process_and_no_place(database_url: str) -> None:
    begun = asyncio.Event()
    places: list[Scratch] = []

    async def prove() -> None:
        async with scratch(database_url) as place:
            places.append(place)
            plan = replace(SMALL, attempts=1_000_000, kills=0)
            await prove_seats(place, plan, tell=lambda progress: begun.set() if progress.attempts else None)

    proving = asyncio.create_task(prove())
    await begun.wait()
    proving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await proving

    assert running(places[0].folder) == []
    assert not places[0].folder.exists()


async def test_a_process_that_ends_by_itself_is_told_of_with_its_last_words(sqlite: Sqlite, tmp_path: Path) -> None:
    async with scratch(sqlite.fresh(tmp_path)) as place, Troupe(scratch=place, plan=SMALL) as troupe:
        # Nobody has set the stage, so that there is nothing to work with.
        await troupe.begin()
        await over(troupe)

    assert [failure.kind for failure in troupe.failures] == [ViolationKind.PROCESS_FAILED] * 2
    assert all("FileNotFoundError" in failure.story for failure in troupe.failures)


async def test_who_moves_no_more_is_given_up_and_nobody_is_killed_afterwards(sqlite: Sqlite, tmp_path: Path) -> None:
    async with scratch(sqlite.fresh(tmp_path)) as place:
        services = build(place.settings())
        stage = await arena.prepare(services, replace(SMALL, attempts=1_000_000))
        (place.folder / STAGE).write_text(stage.written())
        async with Troupe(scratch=place, plan=stage.plan) as troupe:
            await troupe.begin()
            troupe.give_up("nothing moves")
            await over(troupe)
            await troupe.kill(0)
        await services.aclose()

    assert [failure.story for failure in troupe.failures] == ["nothing moves"]
    assert troupe.kills == 0


@pytest.mark.parametrize(("naive", "attempts"), [(False, 400), (True, 100)])
async def test_one_process_uses_its_attempts_up_and_records_each(
    database_url: str, monkeypatch: pytest.MonkeyPatch, naive: bool, attempts: int
) -> None:
    plan = Plan(processes=1, tasks=2, attempts=attempts, organizations=2, people=12, naive=naive)
    async with scratch(database_url) as place:
        for name, value in place.environ.items():
            monkeypatch.setenv(name, value)
        services = build(place.settings())
        stage = await arena.prepare(services, plan)
        (place.folder / STAGE).write_text(stage.written())

        await child.run(place.folder, process=0, number=0, attempts=attempts, stopping=asyncio.Event())

        calls = read_all(place.folder)
        endings = await looking.read_endings(services, stage)
        await services.aclose()
        assert history_of(place.folder, process=0, life=0).exists()

    assert len(calls) == attempts
    assert naive or {call.operation for call in calls} == set(Operation)
    assert {Answer.DONE, Answer.FULL} <= {call.answer for call in calls}
    assert all(ending.used == len(ending.holders) + len(ending.reserved) for ending in endings.values())

"""The long proof in small: what holds is walked through, and a planted fault is told small and can be walked again."""

from pathlib import Path

import pytest

from domain.billing import ProcessorName
from domain.db import Database
from domain.proofs.webhooks.walks import Walk
from tests.proofs.walks import Plan, Proof
from tests.support.clock import FixedClock
from tests.support.databases import Engine
from tests.support.torture import Arena


async def forget_to_ask(arena: Arena, walk: Walk) -> None:
    """Leave it at what has come."""
    assert ProcessorName.FAKE in arena.mirror.inbox.processors
    assert walk.lost


def forgetful(database: Database, clock: FixedClock) -> Arena:
    return Arena(database=database, clock=clock, reconcile=forget_to_ask)


def plan(*, walks: int = 20, only: int | None = None) -> Plan:
    return Plan(walks=walks, seed=4, length=6, only=only)


async def test_small_walks_end_in_the_truth_and_say_how_far_they_are(engine: Engine, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []

    story = await Proof(plan=plan(walks=3), engine=engine, folder=tmp_path).run(lambda *it: told.append(it))

    assert story is None
    assert told == [(number, 3, f"{engine.name}, walk {number}") for number in range(3)]


async def test_a_planted_fault_is_told_as_small_as_it_gets_and_can_be_walked_again(
    engine: Engine, tmp_path: Path
) -> None:
    story = await Proof(plan=plan(), engine=engine, folder=tmp_path, arena_of=forgetful).run(lambda *_: None)

    assert story is not None
    first, *lines = story.splitlines()
    number = int(first.split()[1])
    assert first == (f"walk {number} fails: python -m tests.proofs webhooks --seed 4 --length 6 --only {number}")
    assert [line for line in lines if line.startswith("  never: ")]
    assert len(lines) < 10
    assert lines[-1].startswith("  at the end sub_4_")


@pytest.mark.parametrize(("only", "numbers"), [(None, [0, 1]), (7, [7])])
def test_one_walk_can_be_walked_alone(only: int | None, numbers: list[int]) -> None:
    assert list(plan(walks=2, only=only).numbers) == numbers

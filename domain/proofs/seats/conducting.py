"""Conducts a proof: starts the processes, kills some, samples the database, and hands the history to the checker."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Unavailable
from domain.proofs.scratch import Scratch
from domain.proofs.seats import arena
from domain.proofs.seats.checking import check, contention
from domain.proofs.seats.history import History, Sample, read_all
from domain.proofs.seats.plan import STAGE, Plan, Stage
from domain.proofs.seats.troupe import Troupe
from domain.proofs.seats.violations import Violation
from domain.wiring import Services, build

LOOK_SECONDS = 0.05
SAMPLE_SECONDS = 0.2
# Longer than every retry of a unit of work together.
STALL_SECONDS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a proof is."""

    attempts: int
    of: int
    kills: int
    seconds: float


Tell = Callable[[Progress], None]
"""Is told how far the proof is, several times a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a proof has found. `outcomes` counts the answers of each operation; `seconds` is the fight alone."""

    plan: Plan
    database: str
    attempts: int
    outcomes: Mapping[str, Mapping[str, int]]
    kills: int
    samples: int
    contention: int
    seconds: float
    checked_seconds: float
    violations: tuple[Violation, ...]

    @property
    def per_second(self) -> float:
        """Give the attempts of one second."""
        return self.attempts / self.seconds if self.seconds else 0


async def prove_seats(scratch: Scratch, plan: Plan, *, tell: Tell) -> Outcome:
    """Let processes fight for seats, kill some of them, and check what they were told against what is there.

    No process is left when this returns or raises, or is cancelled.
    """
    services = build(scratch.settings())
    try:
        stage = await arena.prepare(services, plan)
        (scratch.folder / STAGE).write_text(stage.written(), encoding="utf-8")
        async with Troupe(scratch=scratch, plan=plan) as troupe:
            samples, seconds = await _fight(services, stage, troupe, tell)
        endings = await arena.read_endings(services, stage)
    finally:
        await services.aclose()
    began = time.monotonic()
    history = await asyncio.to_thread(_history, scratch.folder, stage, samples)
    violations = [*troupe.failures, *await asyncio.to_thread(check, history, endings)]
    return Outcome(
        plan=plan,
        database=services.database.dialect,
        attempts=len(history.calls),
        outcomes=_outcomes(history),
        kills=troupe.kills,
        samples=len(samples),
        contention=contention(history),
        seconds=seconds,
        checked_seconds=time.monotonic() - began,
        violations=tuple(violations),
    )


async def _fight(services: Services, stage: Stage, troupe: Troupe, tell: Tell) -> tuple[list[Sample], float]:
    samples = await arena.sample(services, stage)
    sampling = asyncio.create_task(_sample(services, stage, samples))
    await troupe.begin()
    began = time.monotonic()
    try:
        await _watch(stage.plan, troupe, tell, began)
        seconds = time.monotonic() - began
    finally:
        sampling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sampling
    return samples, seconds


async def _watch(plan: Plan, troupe: Troupe, tell: Tell, began: float) -> None:
    """Kill when it is time, until everybody has finished, or the time is up, or nothing moves any more."""
    moments, moved_at, moved = plan.kill_moments(), began, 0
    while troupe.living():
        now = time.monotonic()
        attempts = troupe.attempts()
        if attempts > moved:
            moved, moved_at = attempts, now
        while moments and moments[0][0] <= attempts:
            await troupe.kill(moments.pop(0)[1])
        if now - began > plan.seconds:
            troupe.dismiss()
        if now - moved_at > STALL_SECONDS:
            troupe.give_up(f"nothing has moved for {STALL_SECONDS} seconds")
        tell(Progress(attempts=attempts, of=plan.attempts, kills=troupe.kills, seconds=now - began))
        await asyncio.sleep(LOOK_SECONDS)


async def _sample(services: Services, stage: Stage, samples: list[Sample]) -> None:
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        # A database that is too busy to be looked at for a moment has broken no promise.
        with contextlib.suppress(Unavailable):
            samples.extend(await arena.sample(services, stage))


def _history(folder: Path, stage: Stage, samples: list[Sample]) -> History:
    return History(
        organizations=stage.organizations,
        people=stage.people,
        limits=tuple(stage.plan.first_limits()),
        calls=read_all(folder),
        samples=samples,
    )


def _outcomes(history: History) -> dict[str, dict[str, int]]:
    counted = Counter((call.operation.value, call.answer.value) for call in history.calls)
    found: dict[str, dict[str, int]] = {}
    for (operation, answer), number in sorted(counted.items()):
        found.setdefault(operation, {})[answer] = number
    return found

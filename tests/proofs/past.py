"""`python -m tests.proofs past`: the gate's answers are kept, and asked of the past, on SQLite, then on PostgreSQL.

Ten customers live side by side in each world. The first world that answers another way is told, and named by its
number; `--only` lives through it again.
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.db import open_database
from graphql_api.cli.progress import Show
from tests.proofs.engines import Verdict, on_both
from tests.support.clock import FixedClock
from tests.support.databases import Engine
from tests.support.shadow import AT_MOST, world_of

CUSTOMERS, TICKS, PAIRS = 10, 8, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many histories, from which seed; or one world alone, by its number."""

    histories: int
    seed: int
    only: int | None

    @property
    def numbers(self) -> range:
        worlds = -(-self.histories // CUSTOMERS)
        return range(worlds) if self.only is None else range(self.only, self.only + 1)


@dataclass(slots=True, kw_only=True)
class Proof:
    """Worlds on one engine, and how many answers were asked for again."""

    plan: Plan
    engine: Engine
    folder: Path
    asked: int = 0

    async def run(self, show: Show) -> str | None:
        """Live through all worlds; tell of the first one whose past is not what it was."""
        numbers = self.plan.numbers
        for first in range(0, len(numbers), AT_MOST):
            place = self.folder / f"place-{first}"
            place.mkdir()
            database = open_database(self.engine.fresh(place))
            clock = FixedClock()
            try:
                for done, number in enumerate(numbers[first : first + AT_MOST], first):
                    show(done * CUSTOMERS, len(numbers) * CUSTOMERS, f"{self.engine.name}, world {number}")
                    world = world_of(database, clock, seed=self.plan.seed, number=number)
                    await world.live(customers=CUSTOMERS, ticks=TICKS)
                    self.asked += len(world.log) * len(world.people)
                    if told := [*await world.wrong(), *await world.mistaken(pairs=PAIRS)]:
                        again = f"python -m tests.proofs past --seed {self.plan.seed} --only {number}"
                        return "\n".join([f"world {number} has another past: {again}", *told])
            finally:
                await database.aclose()
        return None


def main(options: Sequence[str]) -> int:
    """Prove on both engines, even if the first proof fails; give the worse of the two exit codes."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs past")
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, default=None)
    plan = Plan(**vars(parser.parse_args(options)))
    # Prices that no plan has are part of the histories.
    logging.disable(logging.WARNING)

    async def prove(engine: Engine, folder: Path, show: Show) -> Verdict:
        proof = Proof(plan=plan, engine=engine, folder=folder)
        story = await proof.run(show)
        lived = f"{len(plan.numbers) * CUSTOMERS} histories from seed {plan.seed}"
        return story is None, story or f"{lived}, {proof.asked} answers, all the same again"

    return on_both(prove)

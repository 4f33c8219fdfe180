"""`python -m tests.proofs webhooks`: walks through the real inbox on SQLite, then on PostgreSQL.

The first walk that fails is made as small as it gets, printed, and named by its number; `--only` walks it again.
"""

import argparse
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain.db import open_database
from domain.proofs.webhooks.walks import Walk
from graphql_api.cli.progress import Show
from tests.proofs.engines import Verdict, on_both
from tests.support import torture
from tests.support.clock import FixedClock
from tests.support.databases import Engine
from tests.support.torture import Arena


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many walks, from which seed, how long each; or one alone, by its number."""

    walks: int
    seed: int
    length: int
    only: int | None

    @property
    def numbers(self) -> range:
        return range(self.walks) if self.only is None else range(self.only, self.only + 1)

    def walk(self, number: int) -> Walk:
        return torture.numbered(self.seed, number, length=self.length)

    def again(self, number: int) -> str:
        """Say how to walk it again."""
        return f"python -m tests.proofs webhooks --seed {self.seed} --length {self.length} --only {number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Walks on one engine. `arena_of` opens an arena on a migrated database."""

    plan: Plan
    engine: Engine
    folder: Path
    arena_of: Callable[..., Arena] = torture.arena
    _places: "itertools.count[int]" = field(default_factory=itertools.count)

    async def run(self, show: Show) -> str | None:
        """Go every walk on one database; tell the story of the first one that fails."""
        database = open_database(self._fresh())
        try:
            arena = self.arena_of(database, FixedClock())
            for done, number in enumerate(self.plan.numbers):
                show(done, len(self.plan.numbers), f"{self.engine.name}, walk {number}")
                if await arena.run(self.plan.walk(number)):
                    return await self._story(number)
            return None
        finally:
            await database.aclose()

    async def _story(self, number: int) -> str:
        smallest = await torture.shrunk(self.plan.walk(number), self._fails)
        told = [*smallest.lines(), *await self._alone(smallest)]
        return "\n".join([f"walk {number} fails: {self.plan.again(number)}", *(f"  {line}" for line in told)])

    async def _fails(self, walk: Walk) -> bool:
        return bool(await self._alone(walk))

    async def _alone(self, walk: Walk) -> list[str]:
        """Go one walk on a database of its own: the order of ids decides, so that names must stay as they are."""
        database = open_database(self._fresh())
        try:
            return await self.arena_of(database, FixedClock()).run(walk)
        finally:
            await database.aclose()

    def _fresh(self) -> str:
        place = self.folder / f"place-{next(self._places)}"
        place.mkdir()
        return self.engine.fresh(place)


def main(options: Sequence[str]) -> int:
    """Prove on both engines, even if the first proof fails; give the worse of the two exit codes."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs webhooks")
    parser.add_argument("--walks", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=torture.LENGTH)
    parser.add_argument("--only", type=int, default=None)
    plan = Plan(**vars(parser.parse_args(options)))
    # What single deliveries log is expected here.
    logging.disable(logging.WARNING)

    async def prove(engine: Engine, folder: Path, show: Show) -> Verdict:
        story = await Proof(plan=plan, engine=engine, folder=folder).run(show)
        return story is None, story or f"{len(plan.numbers)} walks from seed {plan.seed} end in the truth"

    return on_both(prove)

"""`python -m tests.proofs fuzz`: requests and sockets that nobody planned, against the whole application.

Everything is decided by the seed and a case's number; `--only` plays one case again, on a world of its own.
"""

import argparse
import asyncio
import gc
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from graphql_api.cli.progress import Show
from tests.proofs.engines import Verdict, on_both
from tests.proofs.fuzz import talking
from tests.proofs.fuzz.asking import ask, asked
from tests.proofs.fuzz.judging import Recorder, judge, told, verdict_of
from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Engine

PEOPLE = ("ann", "bob", "ada", "eve", None)
HANGS_AFTER = 60.0
KEPT_OBJECTS, MOST_OBJECTS = 60_000, 2
"""How many objects caches may keep once they are warm, and how many more each case may leave behind."""
TABLES = (
    "organizations",
    "memberships",
    "users",
    "customers",
    "invitations",
    "billing_subscriptions",
    "webhook_events",
    "audit_events",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many cases, from which seed; or one alone, by its number."""

    cases: int
    seed: int
    only: int | None = None

    @property
    def numbers(self) -> range:
        return range(self.cases) if self.only is None else range(self.only, self.only + 1)


@dataclass(slots=True, kw_only=True)
class Fuzz:
    """Cases against one application."""

    api: Api
    seed: int
    recorder: Recorder = field(default_factory=Recorder)
    ids: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    async def settle(self) -> None:
        """Let there be people and what they can ask for."""
        for owner in ("ann", "eve"):
            organization = await self.api.organization(owner)
            await self.api.holds(organization["customer"], quantity=25)
            await self.api.join(organization, "bob")
            guest = {"organizationId": organization["id"], "email": f"guest@{owner}.example"}
            await self.api.do("inviteMember", owner, **guest)
        for table in TABLES:
            self.ids += [row.id for row in (await self.api.rows(table))[:4]]

    async def case(self, number: int) -> str | None:
        """Play one case, every eighth over a socket; say what is wrong, and None when nothing is."""
        rng = Random(f"{self.seed} {number}")
        self.api.clock.forward(seconds=rng.choice((0, 1, 30)))
        self.recorder.faults.clear()
        credentials = [b"" if who is None else f"Bearer {self.api.token(who)}".encode() for who in PEOPLE]
        wrong = await (self._talk if number % 8 == 0 else self._ask)(rng, credentials)
        return wrong and f"case {number}: {wrong}"

    async def _ask(self, rng: Random, credentials: Sequence[bytes]) -> str | None:
        request = asked(rng, self.ids, credentials)
        began = time.process_time()
        async with asyncio.timeout(HANGS_AFTER):
            answered = await ask(self.api.app, request)
        wrong = judge(request, answered, seconds=time.process_time() - began, faults=self.recorder.faults)
        self.answers[verdict_of(answered)] += 1
        return wrong and f"{wrong}\n{request}\n{answered}"

    async def _talk(self, rng: Random, credentials: Sequence[bytes]) -> str | None:
        talk = talking.talk_of(rng, self.ids, credentials)
        wrong = await talking.hold(self.api.app, talk, hangs_after=HANGS_AFTER)
        wrong = next((f"logged {fault}" for fault in self.recorder.faults), wrong)
        if wrong is None:
            self.answers[f"socket {talking.verdict_of(talk)}"] += 1
        return wrong and f"{wrong}\n{talk}"


async def play(fuzz: Fuzz, plan: Plan, show: Show) -> str | None:
    """Play all cases; tell of the first that goes wrong, or of what they leave behind."""
    root = logging.getLogger()
    root.addHandler(fuzz.recorder)
    tasks = len(asyncio.all_tasks())
    warm, objects = len(plan.numbers) // 4, 0
    try:
        for done, number in enumerate(plan.numbers):
            show(done, len(plan.numbers), f"case {number}")
            if done == warm:
                objects = _objects()
            if wrong := await fuzz.case(number):
                return wrong
    finally:
        root.removeHandler(fuzz.recorder)
    left = _objects() - objects
    if left > KEPT_OBJECTS + MOST_OBJECTS * len(plan.numbers):
        return f"{left} objects were left behind"
    await asyncio.sleep(0)
    return f"{len(asyncio.all_tasks()) - tasks} tasks were left behind" if len(asyncio.all_tasks()) > tasks else None


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def main(options: Sequence[str]) -> int:
    """Fuzz on both engines, even if the first goes wrong; give the worse of the two exit codes."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs fuzz")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, default=None)
    plan = Plan(**vars(parser.parse_args(options)))

    async def prove(engine: Engine, folder: Path, show: Show) -> Verdict:
        async with serving(engine.fresh(folder), folder, FixedClock()) as api:
            fuzz = Fuzz(api=api, seed=plan.seed)
            await fuzz.settle()
            wrong = await play(fuzz, plan, show)
        return wrong is None, wrong or f"{len(plan.numbers)} cases, every answer one of ours: {told(fuzz.answers)}"

    return on_both(prove)

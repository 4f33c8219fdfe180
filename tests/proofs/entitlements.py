"""`python -m tests.proofs entitlements`: random customers, answered by the resolver and by the oracle.

No database is asked: both are pure. The first state on which they differ is made as small as it gets and printed as a
row for a test; `--only` asks for it again.
"""

import argparse
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import typer

from domain.entitlements import resolve
from graphql_api.cli.progress import Show, progress
from tests.support import judging, states
from tests.support.judging import Resolving

PORTION = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many states, from which seed, by how many processes; or one alone, by its number."""

    states: int
    seed: int
    processes: int
    only: int | None

    def portions(self) -> list[range]:
        if self.only is not None:
            return [range(self.only, self.only + 1)]
        return [range(first, min(first + PORTION, self.states)) for first in range(0, self.states, PORTION)]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of some states: how many answers of each kind are wrong, and the first state that has one."""

    asked: int
    wrong: Counter[str]
    first: int | None


def portion(seed: int, numbers: range, resolving: Resolving = resolve) -> Found:
    wrong: Counter[str] = Counter()
    first = None
    for number in numbers:
        differences = judging.differences(states.numbered(seed, number), resolving)
        if differences and first is None:
            first = number
        wrong.update(str(difference.kind) for difference in differences)
    return Found(len(numbers), wrong, first)


def proved(plan: Plan, show: Show, resolving: Resolving = resolve) -> Found:
    """Ask about all states, up to the portion that has a difference."""
    asked, wrong = 0, Counter[str]()
    for found in _portions(plan, resolving):
        asked, wrong = asked + found.asked, wrong + found.wrong
        show(asked, plan.states, "states")
        if found.first is not None:
            return Found(asked, wrong, found.first)
    return Found(asked, wrong, None)


def _portions(plan: Plan, resolving: Resolving) -> Iterator[Found]:
    """Work through the portions in their order, several at once; whoever stops asking ends the work."""
    if plan.processes == 1 or plan.only is not None:
        yield from map(partial(portion, plan.seed, resolving=resolving), plan.portions())
        return
    pool = ProcessPoolExecutor(plan.processes, multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(partial(portion, plan.seed, resolving=resolving), plan.portions())
    finally:
        pool.shutdown(cancel_futures=True)


def story(seed: int, number: int, resolving: Resolving = resolve) -> str:
    """Tell of a state that differs: how to ask again, the smallest like it as a row of a test, and what is wrong."""
    smallest = judging.shrunk(states.numbered(seed, number), resolving)
    wrong = judging.differences(smallest, resolving)
    head = f"state {number} differs: python -m tests.proofs entitlements --seed {seed} --only {number}"
    return "\n".join([head, f"  {states.told(smallest)},", *(f"  {difference}" for difference in wrong)])


def main(options: Sequence[str]) -> int:
    """Prove, and say what came of it; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs entitlements")
    parser.add_argument("--states", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, default=None)
    plan = Plan(**vars(parser.parse_args(options)))
    began = time.monotonic()
    with progress("entitlements", quiet=False) as show:
        found = proved(plan, show)
    wrong = ", ".join(f"{found.wrong[kind]} {kind}" for kind in judging.Kind)
    typer.echo(f"entitlements, {time.monotonic() - began:.0f} s: {found.asked} states from seed {plan.seed}, {wrong}")
    if found.first is not None:
        typer.echo(story(plan.seed, found.first))
    return 0 if found.first is None else 1

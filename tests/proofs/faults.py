"""`python -m tests.proofs faults`: every command under every fault of the Stripe peer, on SQLite and on PostgreSQL."""

import asyncio
import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from graphql_api.cli.progress import Show, progress
from tests.support import databases
from tests.support.clock import FixedClock
from tests.support.databases import Engine, Sqlite
from tests.support.stripe_account import stripe_account
from tests.support.sweeping import STAYING, SWEEP, stays, sweep


async def play(engine: Engine, folder: Path, show: Show) -> list[str]:
    """Play everything, each on a database of its own; name what fails."""
    failed: list[str] = []
    for place, (name, call, fault) in enumerate(SWEEP):
        show(place, len(SWEEP), f"{engine.name}, {name}, {call}, {fault}")
        home = folder / str(place)
        home.mkdir()
        try:
            async with stripe_account(engine.fresh(home), FixedClock()) as account:
                played = stays(account, name, call, fault) if fault in STAYING else sweep(account, name, call, fault)
                await played
        except AssertionError as wrong:
            failed.append(f"{name}, {call}, {fault}: {str(wrong).splitlines()[:1]}")
    return failed


def on(engine: Engine, folder: Path) -> int:
    """Prove on one engine and say what came of it; give the exit code."""
    began = time.monotonic()
    with progress(engine.name, quiet=False) as show:
        failed = asyncio.run(play(engine, folder, show))
    told = "\n".join(failed) or f"{len(SWEEP)} faults leave one deed, one charge and the truth"
    typer.echo(f"{engine.name}, {time.monotonic() - began:.0f} s: {told}")
    return 1 if failed else 0


def main(_: Sequence[str]) -> int:
    """Prove on both engines, even if the first proof fails; give the worse of the two exit codes."""
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore", message="Use 'content=<...>' to upload raw bytes")
    with TemporaryDirectory() as first, TemporaryDirectory() as second, databases.postgresql() as server:
        return max(on(Sqlite(Path(first)), Path(first)), on(server, Path(second)))

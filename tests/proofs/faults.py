"""`python -m tests.proofs faults`: every command under every fault of the Stripe peer, on SQLite and on PostgreSQL."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

from graphql_api.cli.progress import Show
from tests.proofs.engines import Verdict, on_both
from tests.support.clock import FixedClock
from tests.support.databases import Engine
from tests.support.stripe_account import stripe_account
from tests.support.sweeping import STAYING, SWEEP, stays, sweep


async def play(engine: Engine, folder: Path, show: Show) -> Verdict:
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
    return not failed, "\n".join(failed) or f"{len(SWEEP)} faults leave one deed, one charge and the truth"


def main(_: Sequence[str]) -> int:
    """Prove on both engines, even if the first proof fails; give the worse of the two exit codes."""
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore", message="Use 'content=<...>' to upload raw bytes")
    return on_both(play)

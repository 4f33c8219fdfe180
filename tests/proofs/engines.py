"""Proving one thing on both engines: each on a server or in a folder of its own, and what came of it in a line."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

from graphql_api.cli.progress import Show, progress
from tests.support import databases
from tests.support.databases import Engine, Sqlite

Verdict = tuple[bool, str]
"""Whether it holds, and what to say of it."""
Work = Callable[[Engine, Path, Show], Coroutine[Any, Any, Verdict]]


def on_both(work: Work) -> int:
    """Prove on both engines, even if the first proof fails; give the worse of the two exit codes."""
    with TemporaryDirectory() as first, TemporaryDirectory() as second, databases.postgresql() as server:
        return max(_on(Sqlite(Path(first)), Path(first), work), _on(server, Path(second), work))


def _on(engine: Engine, folder: Path, work: Work) -> int:
    """Prove on one engine and say what came of it; give the exit code."""
    began = time.monotonic()
    with progress(engine.name, quiet=False) as show:
        holds, told = asyncio.run(work(engine, folder, show))
    typer.echo(f"{engine.name}, {time.monotonic() - began:.0f} s: {told}")
    return 0 if holds else 1

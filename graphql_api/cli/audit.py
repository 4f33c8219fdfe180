"""`seatgate audit`: check the ledger, and carry it out of reach of whoever can write to the database."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import ConfigError, InvalidInput
from domain.settings import Settings
from graphql_api.cli.opening import on_database, writing
from graphql_api.cli.telling import told

if TYPE_CHECKING:
    from domain.audit import Head, Progress, Verdict
    from domain.db import Database

app = typer.Typer(help="Check the audit ledger, or export it.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def verify(
    heads: Annotated[
        Path | None, typer.Option(help="Earlier exports, or their last lines: each must still be in the chain.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,  # noqa: FBT002 - typer's way to declare a flag
) -> None:
    """Follow the chain of seals from its beginning. Leaves with 1 when anything was changed, taken or added."""
    with told():
        verdict = on_database(lambda database, settings: _verify(database, settings, heads))
    if as_json:
        typer.echo(json.dumps({"fine": verdict.fine, **asdict(verdict)}, indent=2))
    else:
        typer.echo(_in_words(verdict))
    if not verdict.fine:
        raise typer.Exit(1)


@app.command()
def export(
    since: Annotated[int, typer.Option(min=0, help="Begin after the event with this sequence.")] = 0,
    to: Annotated[Path | None, typer.Option(help="A file to make, in the place of the standard output.")] = None,
) -> None:
    """Write sealed events as lines of JSON, the last one the head of the chain. Leaves with 1 when it is cut short."""
    with told():
        end = on_database(lambda database, _: _export(database, since, to))
    if end.sequence < since:
        typer.echo(f"The chain ends at {end.sequence}, before {since}: it was cut short.", err=True)
        raise typer.Exit(1)


async def _verify(database: "Database", settings: Settings, heads: Path | None) -> "Verdict":
    from domain import audit

    with _progress("Verifying") as progress, _reading(heads) as lines:
        try:
            return await audit.verify(
                database, keys=settings.secret_keys, heads=audit.read_heads(lines), progress=progress
            )
        except (InvalidInput, UnicodeDecodeError) as error:
            why = error.message if isinstance(error, InvalidInput) else "It is no text."
            raise ConfigError([f"--heads: {heads}: {why}"]) from error


async def _export(database: "Database", since: int, to: Path | None) -> "Head":
    from domain import audit

    end = await audit.head(database)
    total = max(0, end.sequence - since)
    with _progress("Exporting") as progress, writing(to, option="--to") as output:
        done = 0
        async for line in audit.export(database, since=since, until=end):
            output.write(f"{line}\n")
            done += 1
            if progress is not None:
                progress(min(done, total), total)
    return end


@contextmanager
def _progress(what: str) -> "Iterator[Progress | None]":
    """Draw a bar on the terminal; where there is none, nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _reading(path: Path | None) -> Iterator[Iterator[str]]:
    if path is None:
        yield iter(())
        return
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"--heads: {path} cannot be read ({error.strerror})"]) from error
    with file:
        yield file


def _in_words(verdict: "Verdict") -> str:
    lines = [
        f"{verdict.seals} sealed events, the last with the seal {verdict.head.seal}.",
        f"{verdict.unsealed} events wait for their seal; nothing proves them yet.",
    ]
    if verdict.heads:
        lines.append(f"{verdict.heads} exported heads were looked for.")
    if verdict.fine:
        return "\n".join([*lines, "The ledger is as it was written."])
    shown = [f"  - {trouble}" for trouble in verdict.troubles]
    if verdict.trouble_count > len(shown):
        shown.append(f"  - and {verdict.trouble_count - len(shown)} more")
    return "\n".join([*lines, "The ledger has been changed:", *shown])

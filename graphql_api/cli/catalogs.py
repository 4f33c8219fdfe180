"""`seatgate catalog`: what files declare, what they would change for whom, and which catalog is in force."""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain import settings as configuration
from domain.errors import ConfigError
from graphql_api.cli import changes
from graphql_api.cli.opening import on_database
from graphql_api.cli.progress import progress
from graphql_api.cli.telling import read_settings, table, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.db import Database
    from domain.entitlements import Applied, Catalog, Gates, Period, Totals
    from domain.settings import Settings

IN_FORCE = "in-force"
STORED = re.compile(r"[0-9a-f]{8,64}")
WHICH = f"Files with commas between them, `{IN_FORCE}`, or a stored version or the beginning of it."

App = Annotated[str | None, typer.Option(help="The factory of an application, module:function, whose gates count too.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

app = typer.Typer(
    help="Check, compare and apply catalogs of plans.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command()
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="The files of one catalog; else those configured.")] = None,
    *,
    app: App = None,
    as_json: Json = False,
) -> None:
    """Read a catalog, touch no database, and say what it declares. Leaves with 1 when anything is at fault."""
    if not files:
        with told():
            files = list(read_settings().catalog)
    try:
        catalog, gates = _read(files), _gates(app, files)
        gates(catalog)
    except ConfigError as error:
        typer.echo("\n".join(error.faults), err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(changes.declared(catalog), indent=2) if as_json else changes.declared_in_words(catalog))


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help=WHICH)],
    new: Annotated[str, typer.Argument(help=WHICH)],
    *,
    to: Annotated[Path | None, typer.Option("--csv", help="Write a line for each customer that it concerns.")] = None,
    as_json: Json = False,
) -> None:
    """Compare two catalogs for everybody in the database; writes nothing there. Leaves with 1 when somebody loses."""
    with told():
        document, totals = on_database(lambda database, _: _diff(database, old, new, to, quiet=as_json))
    typer.echo(json.dumps(document | changes.document(totals), indent=2) if as_json else changes.in_words(totals))
    if totals.losing:
        raise typer.Exit(1)


@app.command()
def apply(
    catalog: Annotated[str, typer.Argument(help=WHICH)],
    *,
    app: App = None,
    as_json: Json = False,
) -> None:
    """Put a catalog in force, also one that was before; every process follows within two seconds."""
    with told():
        version, applied = on_database(lambda database, _: _apply(database, catalog, app))
    replaced = applied.replaced.version if applied and applied.replaced else None
    if as_json:
        typer.echo(json.dumps({"version": version, "applied": applied is not None, "replaced": replaced}, indent=2))
    elif applied is None:
        typer.echo(f"The catalog {version} is in force already.")
    else:
        place = f", in the place of {replaced}" if replaced else ""
        typer.echo(f"The catalog {version} is in force{place}.")


@app.command()
def history(*, as_json: Json = False) -> None:
    """List which catalogs have been in force, the newest first."""
    with told():
        found = on_database(_periods)
    if as_json:
        typer.echo(json.dumps([changes.period(one) for one in found], indent=2))
    elif found:
        rows = [(f"{one.in_force_at:%Y-%m-%d %H:%M:%S}", one.version) for one in found]
        typer.echo("\n".join(table([("in force since (UTC)", "version"), *rows])))
    else:
        typer.echo("No catalog has been in force yet.")


async def _diff(
    database: "Database", old: str, new: str, to: Path | None, *, quiet: bool
) -> "tuple[dict[str, str], Totals]":
    from domain.clock import SystemClock
    from domain.entitlements import Totals, diff, everybody

    before, after = [await _found(database, written) for written in (old, new)]
    now, totals, number = SystemClock().now(), Totals(), await everybody(database)
    with progress("Comparing", quiet=quiet) as show, changes.lines_to(to) as write:
        async for page in diff(database, before, after, now=now, totals=totals):
            write(page)
            show(totals.customers, max(number, totals.customers), f"{totals.losing} lose")
    return {"old": before.version, "new": after.version, "at": now.isoformat()}, totals


async def _apply(database: "Database", written: str, app: str | None) -> "tuple[str, Applied | None]":
    from domain.clock import SystemClock
    from domain.entitlements import Rollout
    from domain.scope import system

    found = await _found(database, written)
    rollout = Rollout((), found, database=database, clock=SystemClock())
    rollout.widen(_gates(app, _files(written)))
    return found.version, await rollout.apply(found, scope=system("command line"))


async def _periods(database: "Database", _: "Settings") -> "Sequence[Period]":
    from domain.entitlements import periods

    async with database.snapshot() as session:
        return await periods(session)


async def _found(database: "Database", written: str) -> "Catalog":
    """Find the catalog that somebody means.

    Raises:
        ConfigError: a file is at fault, there is no such catalog, or none has been in force.
    """
    from domain.entitlements import find_stored, newest_period

    if files := _files(written):
        return _read(files)
    if written != IN_FORCE:
        async with database.snapshot() as session:
            return await find_stored(session, written)
    recorded = await newest_period(database)
    if recorded is None or recorded.catalog is None:
        raise ConfigError([f"{IN_FORCE}: no catalog has been in force, or this Seatgate cannot read it"])
    return recorded.catalog


def _files(written: str) -> list[Path]:
    """List the files that are meant; none when it is `in-force` or a version, unless there is a file of that name."""
    if (written == IN_FORCE or STORED.fullmatch(written)) and not Path(written).exists():
        return []
    return [Path(part.strip()) for part in written.split(",")]


def _read(files: "Sequence[Path]") -> "Catalog":
    from domain.entitlements import catalog

    return catalog.read(files)


def _gates(factory: str | None, files: "Sequence[Path]") -> "Gates":
    """Give the gates of an application, made as by a process that starts with these files.

    Raises:
        ConfigError: there is no such application, or it does not start so.
    """
    from domain.entitlements import no_gates
    from graphql_api.cli import working

    if factory is None:
        return no_gates
    if files:
        os.environ[f"{configuration.PREFIX}CATALOG"] = ",".join(map(str, files))
    return working.made(factory).rollout.gates

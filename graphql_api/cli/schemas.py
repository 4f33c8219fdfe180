"""`seatgate schema`: the schema as it is printed, and what would break between two printed ones."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Print the GraphQL schema, or compare two.", rich_markup_mode=None)

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@app.callback(invoke_without_command=True)
def print_schema(context: typer.Context) -> None:
    """Print the GraphQL schema."""
    if context.invoked_subcommand is None:
        typer.echo(_own(), nl=False)


@app.command()
def diff(
    old: File,
    new: Annotated[Path | None, typer.Argument(help="Without it, Seatgate's own of this version.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Say what breaks clients of a printed schema in another. Leaves with 1 where that was not announced."""
    from graphql import GraphQLError

    from graphql_api.evolution import breaking_changes

    try:
        text = new.read_text() if new else _own()
        changes = breaking_changes(old.read_text(), text, today=datetime.now(UTC).date())
    except (OSError, UnicodeDecodeError, GraphQLError, TypeError) as error:
        raise typer.BadParameter(f"cannot be read as a schema: {error}") from None
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in changes], indent=2))
    else:
        for change in changes:
            typer.echo(f"{'announced' if change.announced else 'breaking'}  {change.description}")
        typer.echo(f"{len(changes)} changes break clients." if changes else "Nothing breaks.")
    if not all(change.announced for change in changes):
        raise typer.Exit(1)


def _own() -> str:
    from graphql_api import schema

    return schema.print_schema()

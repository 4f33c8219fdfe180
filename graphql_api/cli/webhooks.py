"""`seatgate webhooks`: what the inbox holds and why, applied again, and forgotten when it is old."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from domain.db import page_of
from domain.errors import ConfigError, InvalidInput, NotFound, Unavailable
from graphql_api.cli import inbox
from graphql_api.cli.progress import progress
from graphql_api.cli.telling import read_settings, told

if TYPE_CHECKING:
    from domain.billing import EventFilter, WebhookEvent
    from domain.db import Session
    from domain.wiring import Services

T = TypeVar("T")

UNASKED = 10
MOST_SHOWN = 1000
MOST_DAYS = 36_500

app = typer.Typer(
    help="See what the inbox of webhooks holds, apply events again, forget old ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Statuses = Annotated[list[str] | None, typer.Option("--status", help="received, applied, ignored, failed or dead.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="A whole name, like invoice.paid.")]
ProcessorOption = Annotated[str | None, typer.Option("--processor", help="fake, stripe or braintree.")]
Since = Annotated[str | None, typer.Option(help="By the processor's clock, ISO 8601; UTC when it names no zone.")]
Until = Annotated[str | None, typer.Option(help="As --since; a day alone is its first moment.")]
CustomerOption = Annotated[str | None, typer.Option("--customer", help="Whom it is about: cst_…")]


@app.command("list")
def show(
    *,
    statuses: Statuses = None,
    types: Types = None,
    processor: ProcessorOption = None,
    since: Since = None,
    until: Until = None,
    customer: CustomerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_SHOWN, help="How many, the newest ones.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the inbox, newest first; options given more than once are alternatives, and all that is given must hold."""
    with told():
        narrowed = inbox.narrowed(statuses, types, processor, since, until, customer)
        rows, more = _run(lambda services: _page(services, narrowed, limit))
    if as_json:
        typer.echo(json.dumps({"events": [inbox.document(row) for row in rows], "more": more}, indent=2))
        return
    typer.echo(inbox.table(rows) if rows else "There are no such events.")
    if more:
        typer.echo("There are more; --limit shows more of them.", err=True)


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[WHE_ID]...", help="Which events: whe_…")] = None,
    *,
    statuses: Statuses = None,
    types: Types = None,
    processor: ProcessorOption = None,
    since: Since = None,
    until: Until = None,
    customer: CustomerOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many events it would be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help=f"Do not ask, as is done above {UNASKED} events.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Take more than 10000 events.")] = False,
) -> None:
    """Apply stored events again, named or filtered, in the processor's order. Leaves with 1 when one fails again."""
    with told():
        narrowed = inbox.narrowed(statuses, types, processor, since, until, customer)
        if bool(ids) == inbox.narrows(narrowed):
            raise ConfigError(["name events, or filter them: one of the two"])
        named = inbox.named(ids or [])
        outcome = _run(lambda services: _replay(services, named, narrowed, dry_run=dry_run, yes=yes, force=force))
    typer.echo(outcome.words)
    if outcome.failed:
        raise typer.Exit(1)


@app.command()
def prune(
    *,
    applied_days: Annotated[int, typer.Option(min=0, max=MOST_DAYS, help="Age of what was applied or ignored.")] = 14,
    dead_days: Annotated[int, typer.Option(min=0, max=MOST_DAYS, help="Age of what is dead.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many events would go.")] = False,
) -> None:
    """Forget events that came longer ago than so many days. What waits or is tried again stays; so do all facts."""
    with told():
        typer.echo(_run(lambda services: _prune(services, applied_days, dead_days, dry_run=dry_run)))


def _run(work: "Callable[[Services], Awaitable[T]]") -> T:
    """Do some work with the services of this process's settings, without a worker.

    Raises:
        ConfigError: the settings or the catalog are wrong, or the database is not there or not migrated.
    """
    from domain.wiring import build
    from graphql_api.app import opened

    async def with_services() -> T:
        services = build(read_settings())
        async with opened(services):
            return await work(services)

    try:
        return asyncio.run(with_services())
    except Unavailable as error:
        raise ConfigError(["SEATGATE_DATABASE_URL: the database does not answer"]) from error


async def _page(services: "Services", narrowed: "EventFilter", limit: int) -> "tuple[Sequence[WebhookEvent], bool]":
    from domain.billing import inbox_events
    from domain.db import Page

    async with services.database.snapshot() as session:
        found = await page_of(session, inbox_events(narrowed), Page(size=limit))
    return found.rows, found.has_next


async def _replay(
    services: "Services", ids: Sequence[str], narrowed: "EventFilter", *, dry_run: bool, yes: bool, force: bool
) -> inbox.Outcome:
    """Count, ask where it is many, and apply.

    Raises:
        ConfigError: an id is unknown, or there are more events than may be taken without a word.
    """
    chosen = await _in_order(services, ids)
    number = len(chosen) if ids else await services.replaying.count(narrowed)
    if dry_run:
        return inbox.Outcome(words=f"{inbox.events(number)} would be replayed.")
    if not _may(number, yes=yes, force=force):
        return inbox.Outcome(words="Nothing was replayed.")
    await services.rollout.start()
    applied = _one_by_one(services, chosen) if ids else _all(services, narrowed, number)
    counted: Counter[str] = Counter()
    failed: list[WebhookEvent] = []
    with progress("Replaying", quiet=False) as tell:
        async for row in applied:
            counted[inbox.PASSED_OVER if row is None else row.status] += 1
            if row is not None and inbox.has_failed(row):
                failed.append(row)
            tell(counted.total(), number, f"{len(failed)} failed")
    return inbox.outcome(counted, failed)


async def _in_order(services: "Services", ids: Sequence[str]) -> list[str]:
    """Put events into the order of the processor's time.

    Raises:
        ConfigError: one is unknown.
    """
    from domain.billing import events_by_id

    async with services.database.snapshot() as session:
        found = await events_by_id(session, ids)
    if unknown := [id for id in ids if id not in found]:
        raise ConfigError([f"{id}: there is no such event" for id in unknown])
    return [row.id for row in sorted(found.values(), key=lambda row: (row.occurred_at, row.id))]


def _may(number: int, *, yes: bool, force: bool) -> bool:
    """Say whether so many may be replayed, asking on a terminal.

    Raises:
        ConfigError: they are too many, or somebody would have to be asked and nobody is there.
    """
    from domain.billing import Replaying

    most = Replaying.MOST_AT_ONCE
    if number > most and not force:
        raise ConfigError([f"{inbox.events(number)} are more than {most}; narrow them, or --force"])
    if number <= UNASKED or yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigError([f"{inbox.events(number)} would be replayed, and nobody can be asked: --yes"])
    return typer.confirm(f"Replay {inbox.events(number)}?", err=True)


def _all(services: "Services", narrowed: "EventFilter", most: int) -> "AsyncIterator[WebhookEvent | None]":
    return services.replaying.replay_many(narrowed, scope=inbox.scope(), most=most)


async def _one_by_one(services: "Services", ids: Sequence[str]) -> "AsyncIterator[WebhookEvent | None]":
    """Apply named events again, and say why one cannot be."""
    for id in ids:
        again = partial(_again, services, id)
        try:
            yield await services.database.run(again)
        except (NotFound, InvalidInput) as error:
            typer.echo(f"{id}: {error.message}", err=True)
            yield None


async def _again(services: "Services", id: str, session: "Session") -> "WebhookEvent":
    return await services.replaying.replay(session, scope=inbox.scope(), webhook_event_id=id)


async def _prune(services: "Services", applied_days: int, dead_days: int, *, dry_run: bool) -> str:
    from domain.billing import Pruning

    pruning = Pruning(database=services.database, clock=services.clock, applied_days=applied_days, dead_days=dead_days)
    number = await pruning.count()
    if dry_run:
        return f"{inbox.events(number)} would go."
    done = 0
    with progress("Pruning", quiet=False) as tell:
        while gone := await pruning.prune():
            done += gone
            tell(done, max(done, number), "gone")
    return f"{inbox.events(done)} went. The facts stay."

"""`seatgate prove …`: proofs that run against the user's own database or endpoint; here the one of the seats.

Nothing but JSON goes to standard output with `--json`; how far it is goes to standard error.
"""

import asyncio
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import ConfigError, Unavailable
from graphql_api.cli.progress import progress
from graphql_api.cli.proving_webhooks import webhooks
from graphql_api.cli.telling import read_settings, told

if TYPE_CHECKING:
    from domain.proofs import Outcome, Plan, Tell, Violation

app = typer.Typer(
    help="Prove on your own database that no seat is oversold, and on any endpoint that webhooks are taken well.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
MOST_STORIES = 20

app.command()(webhooks)


@app.callback()
def proofs() -> None:
    """Prove on your own database, or your own endpoint, that what Seatgate promises holds there."""


@app.command()
def seats(
    *,
    database_url: Annotated[str | None, typer.Option(help="Default: SEATGATE_DATABASE_URL's setting.")] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Real processes.")] = 4,
    tasks: Annotated[int, typer.Option(min=1, max=64, help="Calls under way at once in each.")] = 4,
    attempts: Annotated[int, typer.Option(min=1, help="Calls in all.")] = 20_000,
    organizations: Annotated[int, typer.Option(min=1, max=1000, help="The first is the most sought-after.")] = 8,
    kills: Annotated[int, typer.Option(min=0, max=1000, help="How often a process is killed, -9.")] = 5,
    seed: Annotated[int, typer.Option(help="Decides the plan, the choices and the kills; not the interleaving.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so long, whatever is left.")] = 3600,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON and nothing else.")] = False,
    keep: Annotated[bool, typer.Option(help="Keep the scratch place and the history.")] = False,
    naive: Annotated[bool, typer.Option(help="Plant a naive check, which the proof must find.")] = False,
) -> None:
    """Let processes fight for seats, kill some, and check the history: exit code 1 when a promise was broken."""
    from domain import proofs

    plan = proofs.Plan(
        processes=processes,
        tasks=tasks,
        attempts=attempts,
        organizations=organizations,
        kills=kills,
        seed=seed,
        seconds=seconds,
        naive=naive,
    )
    with told(), _answering():
        outcome, place = asyncio.run(_run(database_url or read_settings().database_url, plan, keep=keep, quiet=as_json))
    typer.echo(json.dumps(_document(outcome), indent=2) if as_json else _report(outcome))
    if keep:
        typer.echo(f"Kept: {place}", err=True)
    if outcome.violations:
        raise typer.Exit(1)


async def _run(url: str, plan: "Plan", *, keep: bool, quiet: bool) -> tuple["Outcome", str]:
    from domain import proofs

    task = asyncio.current_task()
    assert task is not None, "asyncio runs this"
    # Whoever asks the proof to end gets an end without leftovers, even where a shell has turned Ctrl-C off.
    for asking in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(asking, task.cancel)
    async with proofs.scratch(url, keep=keep) as scratch:
        with _progress(plan, quiet=quiet) as tell:
            outcome = await proofs.prove_seats(scratch, plan, tell=tell)
        return outcome, f"{scratch.name} and {scratch.folder}"


@contextmanager
def _answering() -> Iterator[None]:
    """Tell a database that has gone away as a fault like any other."""
    try:
        yield
    except Unavailable:
        raise ConfigError(["the database has gone away, so that nothing is proved"]) from None


@contextmanager
def _progress(plan: "Plan", *, quiet: bool) -> Iterator["Tell"]:
    with progress("Fighting for seats", quiet=quiet) as show:
        yield lambda progress: show(progress.attempts, plan.attempts, _kills(progress.kills))


def _kills(number: int) -> str:
    return f"{number} killed"


def _document(outcome: "Outcome") -> dict[str, Any]:
    return {
        "proved": not outcome.violations,
        "database": outcome.database,
        "plan": asdict(outcome.plan),
        "attempts": outcome.attempts,
        "outcomes": outcome.outcomes,
        "kills": outcome.kills,
        "samples": outcome.samples,
        "largestContention": outcome.contention,
        "seconds": round(outcome.seconds, 3),
        "attemptsPerSecond": round(outcome.per_second, 1),
        "violations": [_violation(violation) for violation in outcome.violations],
    }


def _violation(violation: "Violation") -> dict[str, Any]:
    return {
        "kind": violation.kind,
        "organizationId": violation.organization_id,
        "calls": violation.calls,
        "story": violation.story,
    }


def _report(outcome: "Outcome") -> str:
    """Write the summary: a line for each figure, then a story for each violation, the first ones at least."""
    plan = outcome.plan
    rows = {
        "database": outcome.database,
        "processes": f"{plan.processes}, with {plan.tasks} calls at once in each",
        "organizations": str(plan.organizations),
        "attempts": f"{outcome.attempts} in {outcome.seconds:.1f} s, {outcome.per_second:.0f} a second",
        **{f"  {operation}": _answers(answers) for operation, answers in outcome.outcomes.items()},
        "killed": str(outcome.kills),
        "largest contention": f"{outcome.contention} calls at once in one organization",
        "samples": str(outcome.samples),
        "violations": str(len(outcome.violations)),
    }
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {value}" for name, value in rows.items()]
    for violation in outcome.violations[:MOST_STORIES]:
        where = f" in {violation.organization_id}" if violation.organization_id else ""
        lines.append(f"\n{violation.kind}{where}: {violation.story}")
    if len(outcome.violations) > MOST_STORIES:
        lines.append(f"\nand {len(outcome.violations) - MOST_STORIES} more; --json tells all of them")
    return "\n".join(lines)


def _answers(answers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {answer}" for answer, number in answers.items())

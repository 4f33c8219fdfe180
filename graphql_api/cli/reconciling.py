"""`seatgate reconcile`: is the mirror right? Nothing but JSON goes to standard output with `--json`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import ConfigError, NotFound, Unavailable, Unsupported, UpstreamUnavailable
from graphql_api.cli.telling import read_settings, table, told

if TYPE_CHECKING:
    from domain.billing import Beat, Drift, DriftReport
    from domain.wiring import Services

COLUMNS = ("access", "kind", "customer", "at the processor", "since", "healed", "concerns")


def reconcile(
    *,
    customer: Annotated[str | None, typer.Option(help="Compare this customer alone, by its id, cst_….")] = None,
    processor: Annotated[str | None, typer.Option(help="Compare this processor alone: stripe, ….")] = None,
    report_only: Annotated[bool, typer.Option("--report-only", help="Find, and put nothing right.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Leave with 1 when any drift was found.")] = False,
    entitlements: Annotated[
        bool, typer.Option("--entitlements", help="Read what Stripe itself grants instead; no gate reads that.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Compare facts, rows and processors, and put right what differs. Leaves with 1 when a processor is silent."""
    if entitlements:
        if customer or processor or report_only or exit_code:
            raise typer.BadParameter("give --entitlements alone, or with --json")
        with told(), _answering():
            pulled = asyncio.run(_pull(quiet=as_json))
        typer.echo(json.dumps(pulled, indent=2) if as_json else _pulled_in_words(pulled))
        if pulled["owed"]:
            raise typer.Exit(1)
        return
    if customer is not None and processor is not None:
        raise typer.BadParameter("give --customer or --processor, not both")
    with told(), _answering():
        report, drifts = asyncio.run(_run(customer, processor, report_only=report_only, quiet=as_json))
    typer.echo(json.dumps(_document(report, drifts), indent=2) if as_json else _in_words(report, drifts))
    if drifts and exit_code:
        raise typer.Exit(1)


async def _run(
    customer: str | None, processor: str | None, *, report_only: bool, quiet: bool
) -> tuple["DriftReport", "Sequence[Drift]"]:
    async with _opened() as services:
        await services.rollout.start()
        if customer is not None:
            return await _one(services, customer, report_only=report_only)
        with _progress("Comparing", quiet=quiet) as beat:
            return await _all(services, processor, report_only=report_only, beat=beat)


async def _one(services: "Services", customer: str, *, report_only: bool) -> tuple["DriftReport", "Sequence[Drift]"]:
    from domain.scope import system

    done = await services.customer_reconciling.reconcile(
        scope=system("command line"), customer_id=customer, report_only=report_only
    )
    return done.report, done.drifts


async def _all(
    services: "Services", processor: str | None, *, report_only: bool, beat: "Beat"
) -> tuple["DriftReport", "Sequence[Drift]"]:
    from domain.billing import all_drifts

    names = [name for name in services.processors if processor in {None, name.value}]
    if not names:
        raise ConfigError([f"--processor: {processor} is not in SEATGATE_PROCESSORS"])
    report = await services.reconciling.everything(names=names, report_only=report_only, beat=beat)
    async with services.database.snapshot() as session:
        return report, await all_drifts(session, report.id)


async def _pull(*, quiet: bool) -> dict[str, Any]:
    """Read what Stripe itself grants everybody, and say what came of it.

    Raises:
        ConfigError: that is not to be observed.
        UpstreamUnavailable: Stripe answers about nobody.
    """
    from domain.entitlements import count_partial
    from domain.scope import system

    async with _opened() as services:
        if services.pulling is None:
            raise ConfigError(["SEATGATE_STRIPE_NATIVE_SYNC: is disabled, so that nothing is observed"])
        with _progress("Reading", quiet=quiet) as beat:
            pulled = await services.pulling.pulls.everybody(scope=system("command line"), beat=beat)
        async with services.database.snapshot() as session:
            partial = await count_partial(session)
    return {
        "customersRead": pulled.customers,
        "changed": pulled.changed,
        "unknown": pulled.unknown,
        "owed": pulled.owed,
        "partial": partial,
    }


def _pulled_in_words(pulled: dict[str, Any]) -> str:
    lines = [f"{pulled['customersRead']} customers read, {pulled['changed']} of them entitled to something else now."]
    lines += [f"Stripe does not know {account}." for account in pulled["unknown"]]
    lines += [f"Stripe did not answer about {account}; the worker asks again." for account in pulled["owed"]]
    if pulled["partial"]:
        lines.append(f"{pulled['partial']} summaries show only some of what Stripe grants.")
    return "\n".join(lines)


@asynccontextmanager
async def _opened() -> "AsyncIterator[Services]":
    """Wire everything for one command.

    Raises:
        ConfigError: a setting is wrong, or the database is not there or not migrated.
    """
    from domain.wiring import build
    from graphql_api.app import opened

    services = build(read_settings())
    async with opened(services):
        yield services


@contextmanager
def _answering() -> Iterator[None]:
    """Tell what cannot be compared: code 2 for what was asked wrongly, 1 for who does not answer."""
    try:
        yield
    except NotFound as error:
        raise ConfigError([f"--customer: {error.message}"]) from None
    except Unsupported as error:
        raise ConfigError([f"{error.processor} is not configured here, or cannot do {error.capability}"]) from None
    except Unavailable:
        raise ConfigError(["SEATGATE_DATABASE_URL: the database does not answer"]) from None
    except UpstreamUnavailable as error:
        typer.echo(f"{error.message} What was found until then has been put right; run it again.", err=True)
        raise typer.Exit(1) from None


@contextmanager
def _progress(title: str, *, quiet: bool) -> "Iterator[Beat]":
    """Draw a bar on the terminal; where there is none, nothing."""
    from domain.billing import nothing

    if quiet or not sys.stderr.isatty():
        yield nothing
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        async def beat(done: int, of: int | None) -> None:
            bar.update(task, completed=done, total=of)

        yield beat


def _document(report: "DriftReport", drifts: "Sequence[Drift]") -> dict[str, Any]:
    return {
        "scope": report.scope,
        "startedAt": report.started_at.isoformat(),
        "finishedAt": report.finished_at and report.finished_at.isoformat(),
        "reportOnly": report.report_only,
        "customersChecked": report.customers_checked,
        "leftOut": report.left_out,
        "drifts": [
            {
                "kind": drift.kind,
                "processor": drift.processor,
                "processorId": drift.processor_id,
                "customerId": drift.customer_id,
                "access": drift.access,
                "keys": drift.keys,
                "since": drift.since and drift.since.isoformat(),
                "healedAt": drift.healed_at and drift.healed_at.isoformat(),
            }
            for drift in drifts
        ],
    }


def _in_words(report: "DriftReport", drifts: "Sequence[Drift]") -> str:
    """Write a table, the worst first, and what it was made from."""
    lines = table([COLUMNS, *(_cells(drift) for drift in drifts)]) if drifts else ["The mirror is right."]
    healed = sum(drift.healed_at is not None for drift in drifts)
    lines.append(f"{report.customers_checked} customers compared, {len(drifts)} drifts, {healed} of them put right.")
    lines += [f"Left out, because the processor cannot do it: {part}." for part in report.left_out]
    return "\n".join(lines)


def _cells(drift: "Drift") -> tuple[str, ...]:
    return (
        drift.access.replace("_", " "),
        drift.kind.replace("_", " "),
        drift.customer_id or "nobody's",
        f"{drift.processor} {drift.processor_id}",
        f"{drift.since:%Y-%m-%d %H:%M}" if drift.since else "-",
        "yes" if drift.healed_at else "no",
        ", ".join(drift.keys) or "-",
    )

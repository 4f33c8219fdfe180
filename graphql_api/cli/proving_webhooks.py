"""`seatgate prove webhooks`: tells stories of Stripe's to any endpoint, badly, and judges what it makes of them."""

import asyncio
import json
import secrets
import shlex
import signal
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import ConfigError
from graphql_api.cli.progress import Show, progress
from graphql_api.cli.telling import told

if TYPE_CHECKING:
    import httpx

    from domain.proofs.webhooks import Finding, Outcome, Plan, Reader

MOST_FINDINGS = 10
TAG_BYTES = 4
MS = 1000

Url = Annotated[str, typer.Option(help="The endpoint that takes Stripe's webhooks.")]
Secret = Annotated[str, typer.Option(help="Its signing secret, whsec_…", envvar="PROVE_WEBHOOKS_SECRET")]
StateUrl = Annotated[str | None, typer.Option(help="Where a subscription's state is read: http://…/{subscription}.")]
Graphql = Annotated[str | None, typer.Option(help="A Seatgate's GraphQL address, to read states there.")]
Token = Annotated[str | None, typer.Option(help="An administrator's token for it.", envvar="PROVE_WEBHOOKS_TOKEN")]
ApiPort = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Serve the true objects on this port, for the endpoint to fetch in doubt."),
]
Customers = Annotated[list[str] | None, typer.Option(help="An account that it knows, cus_…; may be repeated.")]
Reconciling = Annotated[
    str | None, typer.Option(help="Lose events for good, then run this command, which must heal it.")
]
Stories = Annotated[int, typer.Option(min=0, max=1000, help="How many stories are told.")]
Seed = Annotated[int, typer.Option(help="Decides the stories, and how badly they are told.")]
Timeout = Annotated[float, typer.Option(min=0.1, max=60, help="Seconds for one answer.")]
Settle = Annotated[float, typer.Option(min=0, max=3600, help="Seconds for the states to become right.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON and nothing else.")]


def webhooks(
    *,
    url: Url,
    secret: Secret,
    state_url: StateUrl = None,
    graphql: Graphql = None,
    token: Token = None,
    api_port: ApiPort = None,
    customer: Customers = None,
    reconcile: Reconciling = None,
    stories: Stories = 20,
    seed: Seed = 1,
    timeout: Timeout = 10,
    settle: Settle = 15,
    as_json: AsJson = False,
) -> None:
    """Tell an endpoint what happened at Stripe, in disorder, twice and late; forge, lie, and judge what it does."""
    from domain.proofs.webhooks import Plan

    plan = Plan(
        tag=secrets.token_hex(TAG_BYTES),
        seed=seed,
        stories=stories,
        customers=tuple(customer or ()),
        # Who cannot ask cannot know which of two states of one second is the later one.
        ties=api_port is not None,
        lossy=reconcile is not None,
    )
    trial = _Trial(url, secret, state_url, graphql, token, api_port, reconcile, timeout, settle)
    with told(), progress("Sending webhooks", quiet=as_json) as show:
        outcome = asyncio.run(trial.run(plan, show))
    typer.echo(json.dumps(_document(outcome), indent=2) if as_json else _report(outcome))
    if outcome.findings:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Where everything is."""

    url: str
    secret: str
    state_url: str | None
    graphql: str | None
    token: str | None
    api_port: int | None
    reconcile: str | None
    timeout: float
    settle: float

    async def run(self, plan: "Plan", show: Show) -> "Outcome":
        import httpx

        from domain.proofs.webhooks import Endpoint, Proof, Truth
        from graphql_api.cli.truth import serving

        _end_in_order()
        truth = Truth(now=lambda: time.time_ns() // 1_000_000)
        async with (
            httpx.AsyncClient(timeout=self.timeout, trust_env=False) as client,
            serving(truth, self.api_port),
        ):
            proof = Proof(
                plan=plan,
                endpoint=Endpoint(url=self._checked("url"), secret=self.secret, client=client),
                truth=truth,
                tell=lambda progress: show(progress.sent, progress.of, progress.doing),
                reader=self._reader(client),
                reconcile=None if self.reconcile is None else self._heal,
                settle_seconds=self.settle,
            )
            return await proof.run()

    def _reader(self, client: "httpx.AsyncClient") -> "Reader | None":
        from domain.proofs.webhooks import Graphql, StateUrl

        if self.state_url is not None:
            if "{subscription}" not in self.state_url or self.graphql is not None:
                raise ConfigError(["--state-url: needs {subscription} in it, and no --graphql beside it"])
            return StateUrl(url=self._checked("state_url"), client=client)
        if self.graphql is None:
            return None
        if self.token is None:
            raise ConfigError(["--graphql: needs --token, an administrator's"])
        name = self.url.rstrip("/").rpartition("/")[2]
        processor = "FAKE" if name == "fake" else "STRIPE"
        return Graphql(url=self._checked("graphql"), token=self.token, processor=processor, client=client)

    def _checked(self, option: str) -> str:
        url = str(getattr(self, option))
        if not url.startswith(("http://", "https://")):
            raise ConfigError([f"--{option.replace('_', '-')}: is no address of HTTP"])
        return url

    async def _heal(self) -> None:
        """Run the command that finds what was lost."""
        assert self.reconcile is not None, "nothing is lost without it"
        words = shlex.split(self.reconcile)
        try:
            process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
            code = await process.wait()
        except OSError as error:
            raise ConfigError([f"--reconcile: {error.strerror}"]) from error
        if code:
            raise ConfigError([f"--reconcile: left with {code}"])


def _end_in_order() -> None:
    """Let whoever asks the proof to end get an end without leftovers."""
    task = asyncio.current_task()
    assert task is not None, "asyncio runs this"
    for asking in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(asking, task.cancel)


def _document(outcome: "Outcome") -> dict[str, Any]:
    return {
        "proved": not outcome.findings,
        "plan": asdict(outcome.plan),
        "requests": outcome.requests,
        "events": outcome.events,
        "lost": outcome.lost,
        "answers": outcome.answers,
        "statesCompared": outcome.states,
        "questionsToTheApi": outcome.questions,
        "findings": [asdict(finding) for finding in outcome.findings],
    }


def _report(outcome: "Outcome") -> str:
    """Write the summary: a line for each figure, then the findings, the first ones at least."""
    rows = {
        "stories": f"{outcome.plan.stories}, seed {outcome.plan.seed}",
        "events": f"{outcome.events}, {outcome.lost} of them lost",
        "requests": f"{outcome.requests}, answered {', '.join(f'{n} x {code}' for code, n in outcome.answers.items())}",
        "states compared": str(outcome.states) if outcome.states else "none: give --state-url or --graphql",
        "questions to the API": str(outcome.questions),
        "findings": str(len(outcome.findings)),
    }
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {value}" for name, value in rows.items()]
    lines.extend(_told(finding) for finding in outcome.findings[:MOST_FINDINGS])
    if len(outcome.findings) > MOST_FINDINGS:
        lines.append(f"\nand {len(outcome.findings) - MOST_FINDINGS} more; --json tells all of them")
    return "\n".join(lines)


def _told(finding: "Finding") -> str:
    where = "" if finding.walk is None else f" in story {finding.walk}"
    return f"\n{finding.kind}{where}: {finding.story}"

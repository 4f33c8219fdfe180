"""The command line. Exit codes: 0 fine, 1 found trouble, 2 wrong use.

Each command loads what it needs and no more, because most of starting is loading.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from domain import settings as configuration
from domain.errors import ConfigError
from domain.settings import Settings
from graphql_api.cli import audit, catalogs, keys, proving, reconciling, schemas, watching, webhooks, working
from graphql_api.cli.telling import read_settings, told

if TYPE_CHECKING:
    from starlette.applications import Starlette

T = TypeVar("T")

app = typer.Typer(
    help="Who belongs to this organization, is there a seat left, and what has this customer paid for?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
demo = typer.Typer(help="Serve a small host with people and organizations to try things on.", rich_markup_mode=None)
app.add_typer(demo, name="demo")
app.add_typer(audit.app, name="audit")
app.add_typer(catalogs.app, name="catalog")
app.add_typer(keys.app, name="keys")
app.add_typer(proving.app, name="prove")
app.add_typer(schemas.app, name="schema")
app.add_typer(webhooks.app, name="webhooks")
app.command("worker")(working.work)
app.command()(reconciling.reconcile)


@app.command()
def serve(
    *,
    worker: Annotated[bool, typer.Option(help="Carry out what falls due, or leave it to `seatgate worker`.")] = True,
) -> None:
    """Serve the API; settings come from the environment."""
    with told():
        settings = read_settings()
        watching.export_spans()
        asyncio.run(_check(settings))
    typer.echo(f"Seatgate serves at {_address(settings)}/graphql. {tell_explorer(settings)}")
    _serve(settings, f"graphql_api.cli:application{'' if worker else '_without_worker'}")


@app.command()
def check() -> None:
    """Check settings, catalog, gates and database, as serving would, without serving."""
    with told():
        asyncio.run(_check(read_settings()))
    typer.echo("Everything is in order.")


@app.command()
def migrate() -> None:
    """Bring the database to the newest migration."""
    from domain.db import migrating

    with told():
        migrating.upgrade(read_settings().database_url)
    typer.echo(f"The database is at {migrating.head()}.")


@demo.callback(invoke_without_command=True)
def run_demo(context: typer.Context) -> None:
    """Migrate, load the demo, print a welcome and serve."""
    if context.invoked_subcommand is not None:
        return
    from domain.db import migrating
    from graphql_api.demo import host, organizations, tour

    with told():
        settings = _development()
        migrating.upgrade(settings.database_url)
        seats = asyncio.run(_with(host.demo_app(settings), lambda app: organizations.load(app.state.services)))
    typer.echo(tour.lines(settings, address=_address(settings), explorer=tell_explorer(settings), seats=seats))
    _serve(settings, "graphql_api.cli:demo_application")


@demo.command("schema")
def print_demo_schema() -> None:
    """Print the schema of the demo's host, with the gates on its fields."""
    from graphql_api import schema
    from graphql_api.demo import host

    typer.echo(schema.print_schema(query=(host.HostQuery,)), nl=False)


@demo.command()
def upgrade() -> None:
    """Sign and post an event that raises the demo's seat limit by two."""
    from graphql_api.demo import client, host, upgrade

    with told():
        settings = _development()
        change = _with(host.demo_app(settings), lambda app: upgrade.upgrade(app.state.services))
        seats, body, signature = asyncio.run(change)
        client.deliver(_address(settings), body, signature)
    typer.echo(f"The event was accepted. Acme has bought {seats} seats now.")


@demo.command()
def ask(
    query: Annotated[str, typer.Argument(help="A GraphQL document; $acme, $acmeCustomer and $garage are known in it.")],
    who: Annotated[str, typer.Option("--as", help="administrator, owner, member or free.")] = "owner",
) -> None:
    """Post a GraphQL document to the running server as somebody of the demo, and print the answer."""
    from graphql_api.demo import client

    with told():
        settings = _development()
        answer = client.ask(settings, _address(settings), query, who)
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    if "errors" in answer:
        raise typer.Exit(1)


def tell_explorer(settings: Settings) -> str:
    """Say where the explorer is, or that there is none."""
    from graphql_api import explorer

    if explorer.built():
        return f"Explorer: {_address(settings)}/graphiql"
    return "The explorer is not built; run `make explorer` (the API works without it)."


def application() -> "Starlette":
    """Make the application of one server process."""
    from graphql_api.app import create_app
    from graphql_api.cli.serving import settled

    watching.export_spans()
    return settled(create_app(read_settings()))


def application_without_worker() -> "Starlette":
    """Make the application of one server process that leaves the worker's work to others."""
    from graphql_api.app import create_app
    from graphql_api.cli.serving import settled

    watching.export_spans()
    return settled(create_app(read_settings(), worker=False))


def demo_application() -> "Starlette":
    """Make the demo's application of one server process."""
    from graphql_api.cli.serving import settled
    from graphql_api.demo import host

    return settled(host.demo_app(read_settings()))


def main() -> None:
    """Run the command line."""
    app()


async def _check(settings: Settings) -> None:
    from graphql_api.app import create_app, opened

    async with opened(create_app(settings).state.services):
        """Opening is all that a check does."""


async def _with(application: "Starlette", work: Callable[["Starlette"], Awaitable[T]]) -> T:
    """Start the application's services, do some work with them, and stop them again."""
    async with application.router.lifespan_context(application):
        return await work(application)


def _serve(settings: Settings, factory: str) -> None:
    from graphql_api.cli import serving

    serving.serve(settings, factory)


def _development() -> Settings:
    settings = read_settings()
    if settings.environment is not configuration.Environment.DEVELOPMENT:
        raise ConfigError(["SEATGATE_ENV: the demo is for development only"])
    if settings.jwks_url is not None:
        raise ConfigError(["SEATGATE_JWKS_URL: the demo signs the tokens of its people itself"])
    return settings


def _address(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.port}"

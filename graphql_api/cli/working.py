"""`seatgate worker`: what falls due, carried out by a process of its own."""

import asyncio
import logging.config
import signal
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import ConfigError
from graphql_api.cli import watching
from graphql_api.cli.telling import told

if TYPE_CHECKING:
    from domain.wiring import Services


def work(
    *,
    app: Annotated[
        str, typer.Option(help="The factory of the application whose hooks and callbacks count, as for a server.")
    ] = "graphql_api.cli:application",
) -> None:
    """Carry out what falls due, without serving: retries, fetches, effects, time. Several may run; leases part them."""
    with told():
        services = made(app)
        logging.config.dictConfig(watching.logging_of(services.settings))
        asyncio.run(_work(services))


def made(factory: str) -> "Services":
    """Make the application and take its services.

    Raises:
        ConfigError: there is no such factory, or what it makes is not Seatgate.
    """
    module, _, name = factory.partition(":")
    try:
        application = getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError([f"--app: {factory!r} is no factory of an application ({type(error).__name__})"]) from error
    services: Services | None = getattr(getattr(application, "state", None), "services", None)
    if services is None:
        raise ConfigError([f"--app: {factory!r} does not make a Seatgate"])
    return services


async def _work(services: "Services") -> None:
    """Go round until asked to end; what is under way is finished first.

    Raises:
        ConfigError: the database cannot be reached, is not at the newest migration, or did not take its settings.
    """
    from graphql_api.app import living

    async with living(services, worker=False):
        running = asyncio.ensure_future(services.worker.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        typer.echo("The worker goes round.")
        await asyncio.gather(running, return_exceptions=True)

"""The application: Seatgate's routes over its services, with a host's own fields and seams beside them."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from domain.audit import Forwarder
from domain.clock import Clock
from domain.db import answers, migrating
from domain.entitlements import Resolver
from domain.errors import ConfigError
from domain.identity import AuthAdapter
from domain.mail import Mailer
from domain.organizations import OrganizationCallbacks
from domain.settings import Settings
from domain.telemetry import Telemetry
from domain.wiring import Services, build
from domain.wiring.gauges import metrics
from graphql_api import admin, edge, explorer, health, webhooks
from graphql_api.auth import JwtAdapter
from graphql_api.billables import BillableOf
from graphql_api.draining import DRAIN_SECONDS, Drain, leaving
from graphql_api.errors import MaskingSchema
from graphql_api.gates import check_gates
from graphql_api.limits import Allowances
from graphql_api.reception import Receiving
from graphql_api.recognition import Recognition
from graphql_api.schema import build_schema
from graphql_api.transport import Transport
from graphql_api.transport.sockets import Sockets


def create_app(
    settings: Settings,
    *,
    query: Sequence[type] = (),
    mutation: Sequence[type] = (),
    subscription: Sequence[type] = (),
    routes: Sequence[BaseRoute] = (),
    callbacks: Sequence[OrganizationCallbacks] = (),
    hooks: Mapping[str, object] | None = None,
    auth: AuthAdapter | None = None,
    forwarders: Sequence[Forwarder] = (),
    resolver: Resolver | None = None,
    counted: Collection[str] = (),
    billable: BillableOf | None = None,
    clock: Clock | None = None,
    mailer: Mailer | None = None,
    worker: bool = True,
    telemetry: Telemetry | None = None,
) -> Starlette:
    """Make the ASGI application.

    `query`, `mutation` and `subscription` are Strawberry types whose fields stand beside Seatgate's; `routes` are the
    host's own and come after Seatgate's. `callbacks` and `hooks` run in the order given, inside the transactions that
    they may refuse. `auth` tells who is asking, in the place of the bearer tokens that the settings describe.
    `forwarders` are told of every audit event after its commit. `resolver` says what customers have, in the place of
    the catalog and the mirror. `counted` names the limits that the host claims from. `billable` tells whose
    entitlements count for a gate on a field that does not say so itself. `mailer` sends mail in the place of the
    configured server. Without `worker` this process leaves what falls due to others, `seatgate worker` for one.
    `telemetry` is told what happens, in the place of one with a registry of its own and OpenTelemetry's global tracer.

    Raises:
        ConfigError: the catalog, the adapter, the resolver, a hook, a forwarder, a gate or what is counted is wrong;
            every fault is named.
    """
    services = build(
        settings,
        callbacks=callbacks,
        hooks=hooks,
        auth=auth,
        forwarders=forwarders,
        resolver=resolver,
        counted=counted,
        clock=clock,
        mailer=mailer,
        telemetry=telemetry,
    )
    schema = build_schema(query=query, mutation=mutation, subscription=subscription)
    services.rollout.widen(partial(check_gates, schema, routes=routes))
    adapter = auth or JwtAdapter.of(settings, clock=services.clock, telemetry=services.database.telemetry)
    allowances = Allowances(services.clock, processes=settings.workers)
    recognition = Recognition(services=services, adapter=adapter, allowances=allowances, billable=billable)
    return _application(recognition, schema, routes=routes, worker=worker)


def _application(
    recognition: Recognition, schema: MaskingSchema, *, routes: Sequence[BaseRoute], worker: bool
) -> Starlette:
    services, drain = recognition.services, Drain()
    app = Starlette(
        routes=[*_own_routes(services, schema, recognition, drain), *routes],
        middleware=_middleware(services.settings, recognition, drain),
        lifespan=lambda _: living(services, worker=worker, drain=drain, beside=_beside(recognition.adapter, drain)),
    )
    app.state.services, app.state.recognition, app.state.drain = services, recognition, drain
    return app


def _beside(adapter: AuthAdapter, drain: Drain) -> list[AbstractAsyncContextManager[None]]:
    return [leaving(drain), *([adapter.running()] if isinstance(adapter, JwtAdapter) else [])]


def _middleware(settings: Settings, recognition: Recognition, drain: Drain) -> list[Middleware]:
    outermost = edge.middleware(
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=settings.allowed_origins,
        trusted_proxies=settings.trusted_proxies,
        drain=drain,
    )
    return [*outermost, Middleware(Receiving, recognition=recognition)]


def _own_routes(services: Services, schema: MaskingSchema, recognition: Recognition, drain: Drain) -> list[BaseRoute]:
    async def able() -> bool:
        return not drain.begun and await ready(services)

    return [
        Route("/graphql", Transport(schema, recognition=recognition)),
        WebSocketRoute("/graphql", _sockets(services, schema, recognition, drain)),
        *explorer.routes(),
        *admin.routes(services, recognition=recognition),
        *webhooks.routes(services),
        *health.routes(ready=able),
        health.metrics_route(partial(metrics, services.database, services.clock)),
    ]


def _sockets(services: Services, schema: MaskingSchema, recognition: Recognition, drain: Drain) -> Sockets:
    origins = services.settings.allowed_origins
    return Sockets(schema, recognition=recognition, clock=services.clock, origins=origins, drain=drain)


async def ready(services: Services) -> bool:
    """Say whether the database answers and is at the newest migration."""
    return await answers(services.database) and await migrating.current(services.database) == migrating.head()


@contextlib.asynccontextmanager
async def opened(services: Services, *, drain: Drain | None = None) -> AsyncIterator[None]:
    """Check the database, and let go of everything when the block ends: what runs has what `drain` has left for it.

    Raises:
        ConfigError: the database cannot be reached, is not at the newest migration, or did not take its settings.
    """
    try:
        if not await ready(services):
            raise ConfigError(["SEATGATE_DATABASE_URL: not there, or not migrated; run `seatgate migrate`"])
        await services.database.verify()
        yield
    finally:
        await services.aclose(within=DRAIN_SECONDS if drain is None else drain.remaining())


@contextlib.asynccontextmanager
async def living(
    services: Services,
    *,
    worker: bool,
    drain: Drain | None = None,
    beside: Sequence[AbstractAsyncContextManager[None]] = (),
) -> AsyncIterator[None]:
    """Check the database and keep to the catalog in force, for as long as the application lives.

    SIGHUP lets the catalog's files be read again. The worker goes round, if it is wanted. `beside` lives as
    long. At the end what runs has what `drain` has left for it.

    Raises:
        ConfigError: the database cannot be reached, is not at the newest migration, or did not take its settings.
        Unavailable: the database went away meanwhile.
    """
    async with opened(services, drain=drain):
        await services.rollout.start()
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(_hung_up(services.rollout.reload_soon))
            for each in beside:
                await stack.enter_async_context(each)
            await stack.enter_async_context(_running(services.rollout.run()))
            await stack.enter_async_context(_running(services.replica.run()))
            if worker:
                await stack.enter_async_context(_running(services.worker.run()))
            yield


@contextlib.contextmanager
def _hung_up(reload: Callable[[], None]) -> Iterator[None]:
    """Answer SIGHUP by reading the catalog again, unless the host answers it in its own way."""
    taken = signal.getsignal(signal.SIGHUP) not in {signal.SIG_DFL, signal.SIG_IGN}
    if taken or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something beside the block until the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

"""The application: Seatgate's routes over its services, with a host's own fields and seams beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

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
from domain.worker import Worker
from graphql_api import edge, explorer, health, webhooks
from graphql_api.auth import JwtAdapter
from graphql_api.billables import BillableOf
from graphql_api.context import ContextMaker
from graphql_api.errors import MaskingSchema
from graphql_api.gates import check_gates
from graphql_api.reception import Receiving, Reception
from graphql_api.schema import build_schema
from graphql_api.transport import Transport


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
    schema = _checked(build_schema(query=query, mutation=mutation, subscription=subscription), services, routes)
    reception, transport = _reception(services, schema, auth, billable)
    app = Starlette(
        routes=[Route("/graphql", transport), *_own_routes(services), *routes],
        middleware=_middleware(settings, reception),
        lifespan=lambda _: living(services, worker=worker),
    )
    app.state.services, app.state.reception = services, reception
    return app


def _checked(schema: MaskingSchema, services: Services, routes: Sequence[BaseRoute]) -> MaskingSchema:
    """Hand the schema on when every gate in it and on the routes can be passed by somebody."""
    check_gates(schema, services.catalog, routes=routes)
    return schema


def _reception(
    services: Services, schema: MaskingSchema, auth: AuthAdapter | None, billable: BillableOf | None
) -> tuple[Reception, Transport]:
    """Make the two that ask who is there: the one at a host's routes, and GraphQL."""
    adapter = auth or JwtAdapter.of(services.settings, clock=services.clock)
    make_context = ContextMaker(services, billable)
    reception = Reception(services=services, adapter=adapter, make_context=make_context)
    return reception, Transport(schema, adapter=adapter, make_context=make_context)


def _middleware(settings: Settings, reception: Reception) -> list[Middleware]:
    outermost = edge.middleware(allowed_hosts=settings.allowed_hosts, allowed_origins=settings.allowed_origins)
    return [*outermost, Middleware(Receiving, reception=reception)]


def _own_routes(services: Services) -> list[BaseRoute]:
    asked = [
        *health.routes(ready=lambda: ready(services)),
        health.metrics_route(partial(metrics, services.database, services.clock)),
    ]
    return [*explorer.routes(), *webhooks.routes(services), *asked]


async def ready(services: Services) -> bool:
    """Say whether the database answers and is at the newest migration."""
    return await answers(services.database) and await migrating.current(services.database) == migrating.head()


@contextlib.asynccontextmanager
async def living(services: Services, *, worker: bool) -> AsyncIterator[None]:
    """Check the database, then let the worker go round, if it is wanted, for as long as the application lives.

    Raises:
        ConfigError: the database cannot be reached, is not at the newest migration, or did not take its settings.
    """
    try:
        if not await ready(services):
            raise ConfigError(["SEATGATE_DATABASE_URL: not there, or not migrated; run `seatgate migrate`"])
        await services.database.verify()
        async with _going_round(services.worker) if worker else contextlib.nullcontext():
            yield
    finally:
        await services.aclose()


@contextlib.asynccontextmanager
async def _going_round(worker: Worker) -> AsyncIterator[None]:
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

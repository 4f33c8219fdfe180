"""The true objects of a proof, served as Stripe's API serves them: read only, and any key opens it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from domain.errors import ConfigError

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from domain.proofs.webhooks import Document, Truth

DEFAULT_LIMIT, MOST = 10, 100


def api(truth: "Truth") -> "Starlette":
    """Make the application: `GET /v1/subscriptions[/{id}]`, `/v1/subscription_items`, `/v1/events[/{id}]`."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def subscription(request: "Request") -> "Response":
        return _found(truth.subscription(request.path_params["id"]), request)

    async def subscriptions(request: "Request") -> "Response":
        wanted = request.query_params.get("status")
        found = truth.subscriptions(request.query_params.get("customer"))
        if wanted is None:
            # As Stripe does: what was canceled is left out unless somebody asks for it.
            found = [one for one in found if one["status"] != "canceled"]
        elif wanted != "all":
            found = [one for one in found if one["status"] == wanted]
        return _page(found, request)

    async def items(request: "Request") -> "Response":
        found = truth.subscription(request.query_params.get("subscription", ""))
        return _page([] if found is None else found["items"]["data"], request)

    async def event(request: "Request") -> "Response":
        found = (one.event for one in truth.notices() if one.id == request.path_params["id"])
        return _found(next(found, None), request)

    async def events(request: "Request") -> "Response":
        since = int(request.query_params.get("created[gte]", 0))
        types = {value for name, value in request.query_params.multi_items() if name.startswith("types")}
        told = [one for one in truth.notices() if one.second >= since and (not types or one.type in types)]
        return _page([one.event for one in told], request)

    served = {"subscriptions/{id}": subscription, "subscriptions": subscriptions, "subscription_items": items}
    more = {"events/{id}": event, "events": events}
    return Starlette(routes=[Route(f"/v1/{path}", answer) for path, answer in (served | more).items()])


@contextlib.asynccontextmanager
async def serving(truth: "Truth", port: int | None) -> AsyncIterator[None]:
    """Serve on 127.0.0.1 for the block; without a port nothing is served.

    Raises:
        ConfigError: the port is taken.
    """
    if port is None:
        yield
        return
    try:
        listening = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise ConfigError([f"--api-port: {error.strerror}"]) from error
    server = _server(api(truth))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listening.close()


def _server(application: "Starlette") -> "uvicorn.Server":
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals to the command line, which ends everything in its order."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Capture none."""
            yield

    return Server(uvicorn.Config(application, access_log=False, log_level="warning", lifespan="off"))


def _found(document: "Document | None", request: "Request") -> "Response":
    from starlette.responses import JSONResponse

    if document is not None:
        return JSONResponse(document)
    error = {
        "type": "invalid_request_error",
        "code": "resource_missing",
        "message": f"No such object: {request.path_params['id']!r}",
        "param": "id",
    }
    return JSONResponse({"error": error}, status_code=404)


def _page(documents: Sequence["Document"], request: "Request") -> "Response":
    """Give the part of a list that is asked for, after `starting_after`."""
    from starlette.responses import JSONResponse

    limit = min(int(request.query_params.get("limit", DEFAULT_LIMIT)), MOST)
    after = request.query_params.get("starting_after")
    begin = next((number + 1 for number, one in enumerate(documents) if one["id"] == after), 0)
    page: dict[str, Any] = {
        "object": "list",
        "url": request.url.path,
        "has_more": begin + limit < len(documents),
        "data": list(documents[begin : begin + limit]),
    }
    return JSONResponse(page)

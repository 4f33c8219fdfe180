"""What an orchestrator asks, whether the process is alive and can serve, and what Prometheus does: how it fares."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

READY_SECONDS = 3.0


Written = tuple[bytes, str]


def routes(*, ready: Callable[[], Awaitable[bool]]) -> list[Route]:
    """List `/livez`, which touches nothing, and `/readyz`, which asks `ready` and takes silence for a no."""

    async def readyz(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        try:
            async with asyncio.timeout(READY_SECONDS):
                answer = await ready()
        except TimeoutError:
            answer = False
        return JSONResponse({"ok": answer}, status_code=200 if answer else 503)

    return [Route("/livez", livez), Route("/readyz", readyz)]


def metrics_route(metrics: Callable[..., Awaitable[Written]]) -> Route:
    """Give `/metrics`, which always answers. No credential is asked for: there is nothing in it about anybody."""

    async def told(request: Request) -> Response:
        body, content_type = await metrics(accept=request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    return Route("/metrics", told)


async def livez(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """Answer at all."""
    return JSONResponse({"ok": True})

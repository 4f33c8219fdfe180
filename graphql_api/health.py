"""What an orchestrator asks, whether the process is alive and can serve, and what Prometheus does: how it fares."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

READY_SECONDS = 3.0


Written = tuple[bytes, str]


def routes(*, ready: Callable[[], Awaitable[bool]], metrics: Callable[..., Awaitable[Written]]) -> list[Route]:
    """List `/livez`, which touches nothing, `/readyz`, which takes silence for a no, and `/metrics`, which always tells.

    Nobody has to show a credential: what they tell is no secret, and who may ask is decided by the network.
    """

    async def readyz(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        try:
            async with asyncio.timeout(READY_SECONDS):
                answer = await ready()
        except TimeoutError:
            answer = False
        return JSONResponse({"ok": answer}, status_code=200 if answer else 503)

    async def told(request: Request) -> Response:
        body, content_type = await metrics(accept=request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", told)]


async def livez(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """Answer at all."""
    return JSONResponse({"ok": True})

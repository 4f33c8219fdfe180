"""Two questions of an orchestrator: is the process alive, and can it serve. Neither tells anything else."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

READY_SECONDS = 3.0


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


async def livez(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """Answer at all."""
    return JSONResponse({"ok": True})

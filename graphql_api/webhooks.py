"""Where processors post their events: raw bytes in, one of a few short answers out."""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.billing import ProcessorName, SignatureRefused, UnreadableEvent
from domain.errors import Unavailable
from domain.wiring import Services
from graphql_api import edge

MAX_BODY_BYTES = 1024 * 1024
SIGNATURE = "stripe-signature"
REFUSALS: dict[type[Exception], tuple[int, str]] = {
    edge.TooLarge: (413, "too_large"),
    edge.TooSlow: (408, "too_slow"),
    ClientDisconnect: (400, "incomplete"),
    SignatureRefused: (400, "signature_verification_failed"),
    UnreadableEvent: (400, "invalid_payload"),
    Unavailable: (503, "unavailable"),
}


def routes(services: Services) -> list[Route]:
    """List `POST /webhooks/{processor}`; a processor that is not configured has no route that answers."""

    async def receive(request: Request) -> Response:
        name = request.path_params["processor"]
        if name not in services.processors:
            return _answer(404, "not_found")
        try:
            body = await edge.body(request, limit=MAX_BODY_BYTES)
            await services.inbox.receive(ProcessorName(name), body, request.headers.get(SIGNATURE))
        except tuple(REFUSALS) as refused:
            return next(_answer(*answer) for kind, answer in REFUSALS.items() if isinstance(refused, kind))
        services.worker.wake()
        return JSONResponse({"ok": True})

    return [Route("/webhooks/{processor}", receive, methods=["POST"])]


def _answer(status: int, error: str) -> Response:
    return JSONResponse({"error": error}, status_code=status)

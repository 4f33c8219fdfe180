"""A WebSocket's client, as a server shows it to an ASGI application: what is answered before anything is said."""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.types import ASGIApp, Message


async def connect(
    app: ASGIApp, path: str, headers: Mapping[str, str] | None = None, *, denial_response: bool = False
) -> list[Message]:
    """Open a WebSocket and give all that the application sends until it is done."""
    sent: list[Message] = []
    said: Iterator[Message] = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])
    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"seatgate.example"),
            *((name.encode(), text.encode()) for name, text in (headers or {}).items()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("seatgate.example", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}} if denial_response else {},
    }

    async def receive() -> Message:
        return next(said)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent

"""Conversations over a socket: introductions, operations and interruptions, and messages that are none."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from starlette.types import ASGIApp, Message

from tests.proofs.fuzz.documents import Writer
from tests.proofs.fuzz.judging import CODES, judge_error

KINDS = {"query": 0.6, "mutation": 0.15, "subscription": 0.25}
CLOSINGS = {1000, 1001, 1008, 1009, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429}
NONSENSE: tuple[Any, ...] = (
    "",
    "null",
    "5",
    "[]",
    "{}",
    "{",
    '{"type": 5}',
    '{"type": "nothing"}',
    '{"type": "subscribe"}',
    '{"type": "subscribe", "id": 1, "payload": {}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
    '{"type": "subscribe", "id": "x", "payload": "x"}',
    '{"type": "subscribe", "id": "x", "payload": {"query": 5}}',
    '{"type": "subscribe", "id": "x", "payload": {"query": "{ __typename }", "variables": [1]}}',
    '{"type": "subscribe", "id": ["x"], "payload": {"query": "{ __typename }"}}',
    '{"type": "complete"}',
    '{"type": "complete", "id": {}}',
    '{"type": "connection_init", "payload": "x"}',
    '{"type": "connection_init", "payload": {"authorization": 5}}',
    '{"type": "connection_init", "payload": {"Authorization": "Bearer x", "authorization": "Bearer y"}}',
    '{"type": "ping", "payload": []}',
    '{"type": "ping", "type": "pong"}',
    '{"type": "\\ud800"}',
    "[" * 50_000,
    "x" * 300_000,
    b"\x00\x01",
    b"\xff" * 100,
)


@dataclass(slots=True, kw_only=True)
class Talk:
    """What a client says, and what it hears until its questions are answered or the socket is closed."""

    said: list[str | bytes]
    heard: list[Message] = field(default_factory=list)

    @property
    def asked(self) -> set[str]:
        """Name the operations that are to be answered."""
        return {message.get("id", "") for message in self._messages(self.said) if message.get("type") == "subscribe"}

    @property
    def answers(self) -> list[dict[str, Any]]:
        """Give the messages of the protocol that came back."""
        return list(self._messages(each["text"] for each in self.heard if each["type"] == "websocket.send"))

    @property
    def closed(self) -> int | None:
        """Tell with which code the server closed; a refusal before acceptance counts as 1008."""
        codes = [each.get("code", 1008) for each in self.heard if each["type"] == "websocket.close"]
        return codes[0] if codes else None

    @property
    def is_over(self) -> bool:
        """Say whether nothing more has to come."""
        told = {answer.get("id") for answer in self.answers}
        return self.closed is not None or (self.asked <= told and bool(self.answers))

    @staticmethod
    def _messages(texts: Any) -> Any:
        for text in texts:
            try:
                message = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(message, dict) and isinstance(message.get("id", ""), str):
                yield message


def talk_of(rng: Random, ids: Sequence[str], credentials: Sequence[bytes]) -> Talk:
    """Write what a client says: mostly an introduction and a few operations."""
    said: list[str | bytes] = []
    if rng.random() < 0.95:
        credential = rng.choice(credentials).decode()
        said.append(
            json.dumps({"type": "connection_init", "payload": {"authorization": credential} if credential else {}})
        )
    for number in range(rng.choice((1, 2, 3, 8))):
        if rng.random() < 0.08:
            said.append(rng.choice(NONSENSE))
        document = Writer(rng=rng, ids=ids).document(KINDS)
        payload = {"query": document.text, "variables": document.variables}
        if len(document.names) > 1:
            payload["operationName"] = document.names[0]
        said.append(json.dumps({"id": f"op{number}", "type": "subscribe", "payload": payload}))
        if rng.random() < 0.1:
            said.append(rng.choice(('{"type": "ping"}', '{"type": "pong"}', '{"type": "complete", "id": "nothing"}')))
    return Talk(said=said)


async def hold(app: ASGIApp, talk: Talk, *, hangs_after: float) -> str | None:
    """Say it all, wait for the answers, and hang up; say what is wrong, and None when nothing is."""
    waiting: asyncio.Queue[Message] = asyncio.Queue()
    over = asyncio.Event()
    waiting.put_nowait({"type": "websocket.connect"})
    for text in talk.said:
        kind = "text" if isinstance(text, str) else "bytes"
        waiting.put_nowait({"type": "websocket.receive", kind: text})

    async def send(message: Message) -> None:
        talk.heard.append(message)
        if talk.is_over:
            over.set()

    async def serve() -> None:
        await app(_scope(), waiting.get, send)
        over.set()

    serving = asyncio.create_task(serve())
    try:
        async with asyncio.timeout(hangs_after):
            await over.wait()
            waiting.put_nowait({"type": "websocket.disconnect", "code": 1000})
            await serving
    except TimeoutError:
        serving.cancel()
        return "hangs"
    return judged(talk)


def judged(talk: Talk) -> str | None:
    """Say what is wrong with what came back."""
    if talk.closed not in {None, *CLOSINGS}:
        return f"closed with {talk.closed}"
    errors = [error for answer in talk.answers for error in _errors(answer)]
    return next(filter(None, map(judge_error, errors)), None)


def verdict_of(talk: Talk) -> str:
    """Name what came of it: the closing code, the first code of an error, or data."""
    codes = [error["extensions"]["code"] for answer in talk.answers for error in _errors(answer)]
    assert {*codes} <= CODES
    return str(talk.closed) if talk.closed else (codes or ["data"])[0]


def _errors(answer: dict[str, Any]) -> list[dict[str, Any]]:
    payload = answer.get("payload")
    if answer["type"] == "error":
        return list(payload or ())
    return list((payload or {}).get("errors", ()))


def _scope() -> dict[str, Any]:
    return {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"seatgate.example"), (b"sec-websocket-protocol", b"graphql-transport-ws")],
        "client": ("192.0.2.7", 1),
        "server": ("seatgate.example", 80),
        "subprotocols": ["graphql-transport-ws"],
        "extensions": {},
    }

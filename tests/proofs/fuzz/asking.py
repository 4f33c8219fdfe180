"""Requests as they come over the wire: right ones, and ones whose headers and bodies nobody sane would send."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes

from starlette.types import ASGIApp, Message

from tests.proofs.fuzz.documents import Document, Writer

Headers = list[tuple[bytes, bytes]]
KINDS = {"query": 0.74, "mutation": 0.24, "subscription": 0.02}
TYPES = (
    b"application/json",
    b"application/json; charset=utf-8",
    b"application/json; charset=utf-16",
    b"application/jsonfoo",
    b"text/plain",
    b"multipart/form-data; boundary=x",
    b"application/graphql-response+json",
    b"\xff\xfe",
    b"",
)
ACCEPTS = (
    b"application/graphql-response+json",
    b"application/json",
    b"*/*",
    b"text/event-stream, application/json;q=0.5",
    b"application/json;q=0",
    b"text/html",
    b";;;,,=",
    b'multipart/mixed;boundary="-", application/json',
)
METHODS = ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "ODD")
BODIES = (
    b"",
    b"null",
    b"5",
    b'"x"',
    b"[]",
    b"[{}]",
    b"{}",
    b'{"query": null}',
    b'{"query": 5}',
    b'{"query": ""}',
    b'{"query": "{ a }", "query": "{ b }"}',
    b'{"query": "{ __typename }", "variables": [1]}',
    b'{"query": "{ __typename }", "variables": "x"}',
    b'{"query": "{ __typename }", "operationName": 1}',
    b'{"query": "{ __typename }", "extensions": []}',
    b'{"query": "\\ud800"}',
    b'{"query": NaN}',
    b'{"a": 1e999}',
    b"[" * 100_000,
    b'{"a":' * 5_000,
    b'"' + b"x" * 300_000 + b'"',
    "{}".encode("utf-16"),
    b"\xff\xfe\x00{",
    b'{"query": "{ __typename }"',
    b'{"query": "{ __typename }"} trailing',
)
STRAY: Headers = [
    (b"x-request-id", b"evil\r\nset-cookie: a=b"),
    (b"x-request-id", b"x" * 500),
    (b"x-seatgate-on-behalf-of", b"usr_" + b"0" * 32),
    (b"x-seatgate-on-behalf-of", b"\xff"),
    (b"origin", b"https://evil.example"),
    (b"content-encoding", b"gzip"),
    (b"content-length", b"-1"),
    (b"content-length", b"99999999999"),
    (b"content-length", b"1_0"),
    (b"transfer-encoding", b"chunked, chunked"),
    (b"cookie", b"a=b; " * 400),
    (b"x-forwarded-for", b"127.0.0.1, evil"),
    (b"host", b"evil.example"),
    (b"expect", b"100-continue"),
    (b"range", b"bytes=0-5"),
    (b"authorization", b"Bearer a.b.c"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as an ASGI server would hand it over."""

    method: str
    query: bytes
    headers: Headers
    chunks: tuple[bytes, ...]


@dataclass(slots=True, kw_only=True)
class Answered:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def asked(rng: Random, ids: Sequence[str], credentials: Sequence[bytes]) -> Asked:
    """Make a request by one of several callers."""
    document = Writer(rng=rng, ids=ids).document(KINDS)
    headers: Headers = [(b"host", b"seatgate.example"), (b"accept", rng.choice(ACCEPTS[:3]))]
    if (credential := rng.choice(credentials)) and rng.random() < 0.97:
        headers.append((b"authorization", credential))
    if rng.random() < 0.1:
        headers.append((b"accept", rng.choice(ACCEPTS)))
    headers += rng.sample(STRAY, k=rng.choice((1, 2))) if rng.random() < 0.06 else []
    if rng.random() < 0.12:
        return Asked(method="GET", query=_query(rng, document), headers=headers, chunks=())
    method = "POST" if rng.random() < 0.98 else rng.choice(METHODS)
    headers.append((b"content-type", TYPES[0] if rng.random() < 0.96 else rng.choice(TYPES)))
    body = json.dumps(_body(rng, document)).encode() if rng.random() < 0.94 else rng.choice(BODIES)
    return Asked(method=method, query=b"", headers=headers, chunks=_cut(rng, body))


def _body(rng: Random, document: Document) -> dict[str, Any]:
    body: dict[str, Any] = {"query": document.text, "variables": document.variables}
    if len(document.names) > 1 and rng.random() < 0.8:
        body["operationName"] = rng.choice((*document.names, "Nothing"))
    if rng.random() < 0.03:
        body["extensions"] = rng.choice(({}, {"persistedQuery": {"version": 1, "sha256Hash": "0"}}, None))
    return body


def _query(rng: Random, document: Document) -> bytes:
    given = {"query": document.text, "variables": json.dumps(document.variables)}
    if rng.random() < 0.1:
        given["variables"] = rng.choice(("[1]", "{", "null", "\ud800"))
    text = "&".join(f"{name}={quote_from_bytes(value.encode(errors='surrogatepass'))}" for name, value in given.items())
    return text.encode() if rng.random() < 0.95 else text.encode()[: rng.randrange(len(text) + 1)] + b"&query=%ff&a;b"


def _cut(rng: Random, body: bytes) -> tuple[bytes, ...]:
    if len(body) < 2 or rng.random() < 0.8:
        return (body,)
    middle = rng.randrange(1, len(body))
    return body[:middle], b"", body[middle:]


async def ask(app: ASGIApp, asked: Asked) -> Answered:
    """Hand a request to the application and gather what it answers."""
    answered, chunks = Answered(), list(asked.chunks or (b"",))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": asked.query,
        "root_path": "",
        "headers": asked.headers,
        "client": ("192.0.2.7", 1),
        "server": ("seatgate.example", 80),
    }

    async def receive() -> Message:
        if not chunks:
            return {"type": "http.disconnect"}
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answered.body += message.get("body", b"")

    await app(scope, receive, send)
    return answered

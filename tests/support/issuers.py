"""An issuer of tokens: keys of its own, and an address where it publishes them, lies about them, or is silent."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from graphql_api.auth import published
from tests.support.clock import FixedClock

KINDS: Mapping[str, tuple[str, str | int]] = {
    "RS256": ("RSA", 2048),
    "RS384": ("RSA", 2048),
    "RS512": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "PS384": ("RSA", 2048),
    "PS512": ("RSA", 2048),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}


def key(algorithm: str = "ES256", which: str = "a") -> Key:
    """Give a private key for an algorithm, the same one each time for the same words."""
    return _made(algorithm, which)


@cache
def _made(algorithm: str, which: str) -> Key:
    made = JWKRegistry.generate_key(*KINDS[algorithm])
    assert isinstance(made, RSAKey | ECKey | OKPKey)
    return made


def entry(private: Key, **members: object) -> dict[str, Any]:
    """Write the public half as key sets do."""
    return {name: value for name, value in (private.as_dict(private=False) | members).items() if value is not None}


def document(*entries: Mapping[str, object]) -> bytes:
    return json.dumps({"keys": entries}).encode()


def token(
    private: Key | None = None,
    algorithm: str = "ES256",
    *,
    header: Mapping[str, object] | None = None,
    clock: FixedClock | None = None,
    **claims: Any,
) -> str:
    """Sign a token for an hour; whatever else the header says is signed too."""
    now = (clock or FixedClock()).now()
    payload: dict[str, object] = {"sub": "ann", "exp": int((now + timedelta(hours=1)).timestamp())} | claims
    return jwt.encode(
        {"alg": algorithm, **(header or {})}, payload, private or key(algorithm), registry=published._REGISTRY
    )


def ok(body: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["HTTP/1.1 200 OK", f"content-length: {len(body)}", "connection: close", *headers])
    return f"{head}\r\n\r\n".encode() + body


class Publisher:
    """Answers every question with the bytes of `answer`, once it may, and counts the questions."""

    def __init__(self) -> None:
        self.url = ""
        self.answer = ok(document(entry(key(), kid="a")))
        self.asked = 0
        self.heads: list[bytes] = []
        self.heard = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()
        self.trickles = False
        self._serving: set[asyncio.Task[None]] = set()

    def publish(self, *entries: Mapping[str, object]) -> None:
        self.answer = ok(document(*entries))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        await asyncio.wait([serving])

    async def ended(self) -> None:
        """Let every connection come to its end."""
        self.may.set()
        self.trickles = False
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            self.asked += 1
            self.heard.set()
            await self.may.wait()
            writer.write(self.answer)
            await writer.drain()
            while self.trickles:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def publishing() -> AsyncIterator[Publisher]:
    publisher = Publisher()
    server = await asyncio.start_server(publisher.serve, "127.0.0.1", 0)
    publisher.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys?tenant=a"
    try:
        yield publisher
    finally:
        server.close()
        await publisher.ended()

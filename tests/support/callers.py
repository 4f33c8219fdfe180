"""Callers over HTTP: environments for server processes, signed tokens, and one GraphQL request."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey

SECRET = "a secret of the tests that is long enough to sign with"
LAST_SECOND = 4_000_000_000


def environ(database_url: str, *, catalog: str, folder: Path) -> dict[str, str]:
    """Make the settings of a server, with its catalog in a file."""
    place = folder / "catalog.toml"
    place.write_text(catalog)
    return {
        "SEATGATE_DATABASE_URL": database_url,
        "SEATGATE_CATALOG": str(place),
        # A slow machine is no failure.
        "SEATGATE_CALLBACK_SECONDS": "30",
        "SEATGATE_JWT_SECRETS": SECRET,
        "SEATGATE_SECRET_KEYS": SECRET[::-1],
        "SEATGATE_FAKE_WEBHOOK_SECRETS": SECRET,
    }


def token(subject: str, **claims: object) -> str:
    """Sign a token as an identity provider would."""
    return jwt.encode({"alg": "HS256"}, {"sub": subject, "exp": LAST_SECOND, **claims}, OctKey.import_key(SECRET))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody with a token, at one server."""

    client: httpx.AsyncClient
    url: str
    token: str

    async def ask(self, document: str, **variables: object) -> dict[str, Any]:
        """Send one operation and read its data; an error of the request itself fails the test."""
        response = await self.client.post(
            f"{self.url}/graphql",
            json={"query": document, "variables": variables},
            headers={"authorization": f"Bearer {self.token}"},
        )
        content: dict[str, Any] = response.json()
        assert response.status_code == httpx.codes.OK, content
        assert "errors" not in content, content
        data: dict[str, Any] = content["data"]
        return data


def crowd() -> httpx.AsyncClient:
    """Make a client for many requests at once: none waits for another's connection."""
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None))

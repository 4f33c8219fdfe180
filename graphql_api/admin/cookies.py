"""The cookie of who has signed in: the bearer token, encrypted, for as long as it is good and half a day at most.

It says nothing about rights: what opens it is a token like any other, and the adapter is asked about it each time.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from domain.clock import Clock
from domain.errors import InvalidInput

LONGEST_SESSION = timedelta(hours=12)
LONGEST_COOKIE = 3800
"""Browsers drop a cookie of more than 4096 characters without a word, its name and attributes included."""

# The header is always the same, so it is not sent: the library never reads one that we have not written.
_HEADER = {"alg": "dir", "enc": "A256GCM"}
_ALGORITHMS = [*_HEADER.values()]
_WRITTEN_HEADER = base64.urlsafe_b64encode(json.dumps(_HEADER, separators=(",", ":")).encode()).decode().rstrip("=")
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")
# Browsers take a cookie of this name only over TLS, for this host alone and for all of its paths.
_NAME, _PLAIN_NAME = "__Host-seatgate-admin", "seatgate-admin"


class _Kept(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    token: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """Puts tokens into cookies and takes them out again. The first of `secret_keys` encrypts, all of them open."""

    secret_keys: Sequence[str]
    clock: Clock
    development: bool

    def put(self, response: Response, request: Request, token: str, *, expires_at: datetime | None) -> None:
        """Let the browser keep a token until it expires, for twelve hours at most.

        Raises:
            InvalidInput: it is too long for a cookie.
        """
        now = self.clock.now()
        until = min(now + LONGEST_SESSION, expires_at or datetime.max.replace(tzinfo=now.tzinfo))
        kept = _Kept(token=token, until=until.timestamp()).model_dump_json()
        sealed = _sealed(kept, self.secret_keys[0])
        if len(sealed) > LONGEST_COOKIE:
            raise InvalidInput("This token is too long to be kept in a cookie.")
        self._set(response, request, sealed, seconds=int((until - now).total_seconds()))

    def take(self, request: Request) -> str | None:
        """Give the token that the browser keeps; None when there is none, when it is over, or is none of ours."""
        sealed = request.cookies.get(self._name(request), "")
        kept = next((kept for key in self.secret_keys if (kept := _opened(sealed, key))), None)
        return kept.token if kept and kept.until > self.clock.now().timestamp() else None

    def clear(self, response: Response, request: Request) -> None:
        """Let the browser forget."""
        self._set(response, request, "", seconds=0)

    def _set(self, response: Response, request: Request, value: str, *, seconds: int) -> None:
        response.set_cookie(
            self._name(request),
            value,
            max_age=seconds,
            path="/",
            secure=not self._plain(request),
            httponly=True,
            samesite="strict",
        )

    def _name(self, request: Request) -> str:
        return _PLAIN_NAME if self._plain(request) else _NAME

    def _plain(self, request: Request) -> bool:
        """Say whether no TLS can be asked for: somebody develops, with a browser on the same machine."""
        here = _LOOPBACK.fullmatch(request.headers.get("host", "")) is not None
        return here and self.development and request.scope["scheme"] == "http"


def _key(secret: str) -> OctKey:
    return OctKey.import_key(hmac.digest(secret.encode(), b"operators' cookie\0", hashlib.sha256))


def _sealed(kept: str, secret: str) -> str:
    whole = jwe.encrypt_compact(_HEADER, kept.encode(), _key(secret), algorithms=_ALGORITHMS)
    return whole.partition(".")[2]


def _opened(sealed: str, secret: str) -> _Kept | None:
    try:
        plain = jwe.decrypt_compact(f"{_WRITTEN_HEADER}.{sealed}", _key(secret), algorithms=_ALGORITHMS).plaintext
        return _Kept.model_validate_json(plain or b"")
    except (JoseError, ValidationError, ValueError):
        return None

"""The adapter of who hands in none, and what a request shows of who is asking."""

import contextlib
from collections.abc import AsyncIterator
from typing import Self

from starlette.requests import HTTPConnection

from domain.clock import Clock, SystemClock
from domain.errors import Unauthenticated
from domain.identity import Asking, User
from domain.settings import Settings
from domain.telemetry import Telemetry
from graphql_api.auth.bearer import Bearer, Claims, Expected, Signatures
from graphql_api.auth.issuer import Issuer
from graphql_api.auth.secrets import Secrets


class JwtAdapter:
    """The adapter of who hands in none: bearer tokens by the settings, administrators by the token's scope."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    @classmethod
    def of(cls, settings: Settings, *, clock: Clock | None = None, telemetry: Telemetry | None = None) -> Self:
        """Make the adapter that the settings describe."""
        clock = clock or SystemClock()
        expected = Expected(issuer=settings.jwt_issuer, audience=settings.jwt_audience)
        signatures: Signatures = (
            Secrets(settings.jwt_secrets)
            if settings.jwks_url is None
            else Issuer(settings.jwks_url, clock=clock, telemetry=telemetry or Telemetry())
        )
        return cls(Bearer(signatures=signatures, expected=expected, clock=clock))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fetch the issuer's keys before somebody waits for them, and leave nothing open when the block ends.

        The adapter works outside of such a block too.
        """
        self._bearer.signatures.begin()
        try:
            yield
        finally:
            await self._bearer.signatures.aclose()

    async def current_user(self, *, asking: Asking) -> Claims | None:
        """Read the bearer token; None without one.

        Raises:
            Unauthenticated: the token is there and does not prove who is asking.
            Unavailable: the issuer's keys are not to be had, so that no token can be checked.
        """
        return await self._bearer.claims(asking.headers.get("authorization"))

    async def require_admin(self, *, visitor: Claims) -> bool:
        """Say whether the token's scope makes an administrator."""
        return visitor.administrator

    def user_schema(self) -> type[Claims]:
        """Name the type of what tokens say."""
        return Claims

    async def actor_id(self, *, visitor: Claims) -> str:
        """Give the token's subject."""
        return visitor.subject

    async def log_audit(self, *, user: User | None, event: object) -> None:
        """Do nothing: the ledger is here already."""


def asking_of(request: HTTPConnection) -> Asking:
    """Write down what a request shows of who is asking.

    Raises:
        Unauthenticated: there are two Authorization headers, so proxies and we might each believe another one.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name == "authorization":
            raise Unauthenticated
        else:
            headers[name] += f"{'; ' if name == 'cookie' else ', '}{value}"
    client = request.scope.get("client")
    return Asking(headers=headers, path=request.scope["path"], remote_address=client and client[0])

"""Bearer tokens: prove who a caller is, from the text of one header. Know no database and make no user.

`JwtAdapter` is how Seatgate recognizes people when its host does not. Whatever is wrong with a token, the answer is
`Unauthenticated` and never says what.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import HTTPConnection

from domain.clock import Clock, SystemClock
from domain.errors import Unauthenticated
from domain.identity import Asking, User, Visitor
from domain.settings import Settings

ALGORITHM = "HS256"
ADMINISTRATOR_SCOPE = "seatgate:admin"
LONGEST_HEADER = 8192
CLOCK_SKEW = timedelta(seconds=30)
LAST_INSTANT = 253_402_300_799  # The end of the year 9999, the last that a datetime can hold.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims(Visitor):
    """What a proven token says of its bearer. A user is (issuer, subject); instants are UTC.

    The issuer is empty when the token names none, which no token can claim by itself. The e-mail is there only when
    the issuer has verified it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must name when the settings say so."""

    issuer: str | None = None
    audience: str | None = None


class Bearer:
    """Checks bearer tokens signed with HS256 under any of the configured secrets; no other algorithm is ever tried."""

    def __init__(self, *, secrets: tuple[str, ...], expected: Expected, clock: Clock) -> None:
        self._keys = tuple(OctKey.import_key(secret) for secret in secrets)
        self._expected = expected
        self._clock = clock

    def claims(self, header: str | None) -> Claims | None:
        """Read the value of an Authorization header; None without one.

        Raises:
            Unauthenticated: the header is there and does not prove who is asking.
        """
        if header is None:
            return None
        match = _BEARER.fullmatch(header) if len(header) <= LONGEST_HEADER else None
        if match is None:
            raise Unauthenticated
        try:
            payload = _Payload.model_validate(self._signed(match[1]))
        except ValidationError:
            raise Unauthenticated from None
        self._check(payload)
        return _claims(payload)

    def _signed(self, token: str) -> dict[str, object]:
        for key in self._keys:
            try:
                return jwt.decode(token, key, algorithms=[ALGORITHM]).claims
            except (JoseError, ValueError, TypeError, RecursionError):
                # A TypeError: the library believes that what stands in a header is of its right type.
                continue
        raise Unauthenticated

    def _check(self, payload: "_Payload") -> None:
        """Refuse a token of another issuer or audience, one that is over, and one from the future.

        Clocks may differ by half a minute about the beginning of a token, never about its end.
        """
        now = self._clock.now()
        expected = self._expected
        audiences = [payload.aud] if isinstance(payload.aud, str) else payload.aud
        refused = (
            (expected.issuer is not None and payload.iss != expected.issuer)
            or (expected.audience is not None and expected.audience not in audiences)
            or _instant(payload.exp) <= now
            or any(_instant(value) > now + CLOCK_SKEW for value in (payload.nbf, payload.iat) if value is not None)
        )
        if refused:
            raise Unauthenticated


class JwtAdapter:
    """The adapter of who hands in none: bearer tokens by the settings, administrators by the token's scope."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    @classmethod
    def of(cls, settings: Settings, *, clock: Clock | None = None) -> Self:
        """Make the adapter that the settings describe."""
        expected = Expected(issuer=settings.jwt_issuer, audience=settings.jwt_audience)
        return cls(Bearer(secrets=settings.jwt_secrets, expected=expected, clock=clock or SystemClock()))

    async def current_user(self, *, asking: Asking) -> Claims | None:
        """Read the bearer token; None without one.

        Raises:
            Unauthenticated: the token is there and does not prove who is asking.
        """
        return self._bearer.claims(asking.headers.get("authorization"))

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


def _plain(value: str) -> str:
    if not value.isprintable():
        raise ValueError
    return value


_Text = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_plain)]
_Email = Annotated[str, Field(min_length=3, max_length=254), AfterValidator(_plain)]
_Seconds = Annotated[int | float, Field(ge=0, le=LAST_INSTANT, allow_inf_nan=False)]


class _Payload(BaseModel):
    """The claims that we read, each of its one true type; others pass unread."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    sub: _Text
    exp: _Seconds
    iss: _Text | None = None
    aud: str | list[str] = Field(default_factory=list)
    nbf: _Seconds | None = None
    iat: _Seconds | None = None
    email: _Email | None = None
    email_verified: object = None
    name: _Text | None = None
    scope: str = ""


def _claims(payload: _Payload) -> Claims:
    return Claims(
        issuer=payload.iss or "",
        subject=payload.sub,
        email=payload.email if payload.email_verified is True else None,
        name=payload.name,
        issued_at=None if payload.iat is None else _instant(payload.iat),
        expires_at=_instant(payload.exp),
        administrator=ADMINISTRATOR_SCOPE in payload.scope.split(" "),
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

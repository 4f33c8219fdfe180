"""What a bearer token must say, once its signature has been proven by whoever knows the keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from domain.clock import Clock
from domain.errors import Unauthenticated
from domain.identity import Visitor

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


class Signatures(Protocol):
    """Proves who has signed a token. `begin` may be called when the process starts, `aclose` when it ends."""

    async def claims(self, token: str) -> Mapping[str, object]:
        """Give what a token says, if one of the keys has signed it; the claims themselves are not judged.

        Raises:
            Unauthenticated: none has, or the token is none that we take.
            Unavailable: the keys are not to be had.
        """

    def begin(self) -> None:
        """Get ready, without waiting for it."""

    async def aclose(self) -> None:
        """Leave nothing running."""


class Bearer:
    """Checks bearer tokens: the signature by `signatures`, the claims by what is expected and by the clock."""

    def __init__(self, *, signatures: Signatures, expected: Expected, clock: Clock) -> None:
        self.signatures = signatures
        self._expected = expected
        self._clock = clock

    async def claims(self, header: str | None) -> Claims | None:
        """Read the value of an Authorization header; None without one.

        Raises:
            Unauthenticated: the header is there and does not prove who is asking.
            Unavailable: the keys are not to be had.
        """
        if header is None:
            return None
        match = _BEARER.fullmatch(header) if len(header) <= LONGEST_HEADER else None
        if match is None:
            raise Unauthenticated
        try:
            payload = _Payload.model_validate(await self.signatures.claims(match[1]))
        except ValidationError:
            raise Unauthenticated from None
        self._check(payload)
        return _claims(payload)

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

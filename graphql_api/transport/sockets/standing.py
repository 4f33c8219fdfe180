"""Who speaks on a socket: the credential as it was shown at first, proven anew each time."""

import asyncio
import uuid
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from domain.clock import Clock
from domain.errors import Forbidden, InvalidInput, RateLimited, Unauthenticated, Unavailable
from domain.identity import Asking
from graphql_api.auth import LONGEST_HEADER
from graphql_api.context import Context
from graphql_api.transport import Recognizing
from graphql_api.transport.sockets.closing import CloseCode, closing
from graphql_api.transport.sockets.frames import Malformed
from graphql_api.transport.sockets.terms import Terms

SHOWN = ("authorization", "x-seatgate-on-behalf-of")
PROVING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """How every socket of an application has credentials proven."""

    recognition: Recognizing
    clock: Clock
    terms: Terms


class Standing:
    """One credential, or none, and for whom it stands; made by `introduced`."""

    def __init__(self, proving: Proving, asking: Asking, context: Context) -> None:
        self._proving = proving
        self._asking = asking
        self._expires_at: datetime | None = context.expires_at
        self._proven_at = _now()
        self._doubtful_since: float | None = None
        self.anonymous = context.anonymous
        self.caller = _caller(context)

    async def context(self, request_id: str) -> Context:
        """Make the context of one operation, as if the credential had just come.

        Raises:
            Closing: the credential proves nothing, or nothing any more, or stands for somebody else now.
            Unavailable: the database could not be reached.
        """
        context = await _proven(self._proving, self._asking, request_id)
        if _caller(context) != self.caller:
            raise closing(CloseCode.FORBIDDEN, "Forbidden")
        self._expires_at, self._proven_at, self._doubtful_since = context.expires_at, _now(), None
        return context

    def check(self) -> None:
        """Look at the clock, and nothing else.

        Raises:
            Closing: the credential's time is over.
        """
        if self._expires_at is not None and self._expires_at <= self._proving.clock.now():
            raise closing(CloseCode.FORBIDDEN, "Forbidden")

    async def renew(self, *, idle: bool) -> None:
        """Prove the credential again when its proof has grown old, and older while nothing runs by it.

        Raises:
            Closing: it proves nothing any more, or nobody has been able to say so for too long.
        """
        now, terms = _now(), self._proving.terms
        if self.anonymous or now - self._proven_at < (terms.idle_proof_seconds if idle else terms.proof_seconds):
            return
        try:
            async with asyncio.timeout(PROVING_SECONDS):
                await self.context(uuid.uuid4().hex)
        except (Unavailable, RateLimited, TimeoutError):
            since = self._doubtful_since = self._doubtful_since or now
            if now - since >= terms.doubt_seconds:
                raise closing(CloseCode.TRY_AGAIN_LATER, "Try again later") from None


async def introduced(proving: Proving, asking: Asking, payload: Mapping[str, object]) -> Standing:
    """Find out who speaks, by the handshake and the payload of the first message.

    Raises:
        Malformed: the payload shows a header twice, or as something else than one line of printable ASCII.
        Closing: the credential proves nothing, or the payload shows another one than the handshake.
        Unavailable: the database could not be reached.
        RateLimited: credentials are shown too often.
    """
    shown = _asking_with(asking, payload)
    return Standing(proving, shown, await _proven(proving, shown, uuid.uuid4().hex))


async def _proven(proving: Proving, asking: Asking, request_id: str) -> Context:
    recognition = proving.recognition
    try:
        visitor = await recognition.visitor(asking)
        return await recognition.context(request_id=request_id, visitor=visitor, asking=asking)
    except (Unauthenticated, Forbidden, InvalidInput):
        raise closing(CloseCode.FORBIDDEN, "Forbidden") from None


def _asking_with(asking: Asking, payload: Mapping[str, object]) -> Asking:
    """Add to what the handshake showed what the payload shows; where both do, they must show the same.

    Otherwise somebody in between could believe the other one.
    """
    shown: dict[str, str] = {}
    for given, value in payload.items():
        name = given.lower()
        if name not in SHOWN:
            continue
        if name in shown or not isinstance(value, str) or not _is_header(value):
            raise Malformed(f"`{name}` must be one line of text, given once.")
        shown[name] = value
    if any(asking.headers.get(name, value) != value for name, value in shown.items()):
        raise closing(CloseCode.FORBIDDEN, "Forbidden")
    return replace(asking, headers={**asking.headers, **shown})


def _is_header(value: str) -> bool:
    return len(value) <= LONGEST_HEADER and value.isascii() and value.isprintable()


def _caller(context: Context) -> Hashable:
    """Name for whom a context is: the actor and for whom it acts; the anonymous are told apart by their addresses."""
    scope = context.scope
    return None if scope is None else (scope.actor, scope.effective_actor)


def _now() -> float:
    return asyncio.get_running_loop().time()

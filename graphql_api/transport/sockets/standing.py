"""Who speaks on a socket: the credential as it was shown at first, proven anew each time."""

from collections.abc import Mapping
from dataclasses import replace

from domain.errors import Unauthenticated
from domain.identity import Asking
from graphql_api.auth import LONGEST_HEADER
from graphql_api.context import Context
from graphql_api.transport import Recognizing
from graphql_api.transport.sockets.closing import CloseCode, closing
from graphql_api.transport.sockets.frames import Malformed

SHOWN = ("authorization", "x-seatgate-on-behalf-of")


class Standing:
    """A credential and how it is proven."""

    def __init__(self, recognition: Recognizing, asking: Asking) -> None:
        self._recognition = recognition
        self._asking = asking

    async def prove(self, request_id: str) -> Context:
        """Make the context of one operation, as if the credential had just come.

        Raises:
            Closing: the credential proves nothing, or nothing any more.
            Unavailable: the database could not be reached.
        """
        try:
            visitor = await self._recognition.visitor(self._asking)
            return await self._recognition.context(request_id=request_id, visitor=visitor, asking=self._asking)
        except Unauthenticated:
            raise closing(CloseCode.FORBIDDEN, "Forbidden") from None


def asking_with(asking: Asking, payload: Mapping[str, object]) -> Asking:
    """Add to what the handshake showed what the first message shows.

    Raises:
        Malformed: the message shows a header twice, or as something else than one line of printable ASCII.
        Closing: the two show different things, so that somebody in between could believe the other one.
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

"""From the text of one WebSocket message to one message of `graphql-transport-ws`, or to why it is none. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from graphql_api.transport import strict_json
from graphql_api.transport.reading import GraphQLRequest, HttpRefusal, request_of

MAX_FRAME_BYTES = 256 * 1024
MAX_ID_LENGTH = 128
Object: TypeAlias = Mapping[str, object]


class Malformed(ValueError):
    """The text is no message of the protocol; the words are for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """The client introduces itself."""

    payload: Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """The client asks whether we are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The client is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """The client asks for an operation, of any kind, under an id of its own."""

    id: str
    asked: GraphQLRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


Frame: TypeAlias = Init | Ping | Pong | Subscribe | Complete


def read(text: str) -> Frame:
    """Read one message.

    Raises:
        Malformed: it is no JSON as it is taken here, no object, of no known type, or a part of it has a wrong type.
    """
    try:
        message = strict_json.loads(text)
    except strict_json.Malformed as error:
        raise Malformed(str(error)) from None
    if not isinstance(message, dict):
        raise Malformed("A message is one JSON object.")
    kind = message.get("type")
    reader = READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise Malformed("The type of the message is unknown.")
    return reader(message)


def _init(message: Object) -> Frame:
    return Init(payload=_payload(message) or {})


def _ping(message: Object) -> Frame:
    _payload(message)
    return Ping()


def _pong(message: Object) -> Frame:
    _payload(message)
    return Pong()


def _subscribe(message: Object) -> Frame:
    payload = _payload(message)
    if payload is None:
        raise Malformed("`payload` must be an object.")
    try:
        return Subscribe(id=_id(message), asked=request_of(payload))
    except HttpRefusal as refusal:
        raise Malformed(refusal.message) from None


def _complete(message: Object) -> Frame:
    return Complete(id=_id(message))


def _payload(message: Object) -> Object | None:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise Malformed("`payload` must be an object.")
    return payload


def _id(message: Object) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 1 <= len(id) <= MAX_ID_LENGTH:
        raise Malformed(f"`id` must be a text of 1 to {MAX_ID_LENGTH} characters.")
    return id


READERS: Mapping[str, Callable[[Object], Frame]] = {
    "connection_init": _init,
    "ping": _ping,
    "pong": _pong,
    "subscribe": _subscribe,
    "complete": _complete,
}

"""Why a socket is closed: a code that clients of the protocol know, and a few words that hold nothing of anybody's."""

from enum import IntEnum
from typing import NamedTuple


class CloseCode(IntEnum):
    """The codes: of WebSocket below 4000, of `graphql-transport-ws` from there on."""

    GOING_AWAY = 1001
    TOO_LARGE = 1009
    POLICY = 1008
    TRY_AGAIN_LATER = 1013
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    INIT_TIMEOUT = 4408
    ALREADY_RUNNING = 4409
    TOO_MANY_INITS = 4429


class Reason(NamedTuple):
    """A code and its words, at most 123 bytes as the protocol of WebSockets wants it."""

    code: CloseCode
    words: str


class Closing(Exception):
    """The socket is to be closed for a reason; None: the client is gone or does not read, and nobody can be told."""

    def __init__(self, reason: Reason | None) -> None:
        super().__init__("the client is gone" if reason is None else f"{reason.code} {reason.words}")
        self.reason = reason


def closing(code: CloseCode, words: str) -> Closing:
    """Make the exception that closes a socket."""
    return Closing(Reason(code, words))

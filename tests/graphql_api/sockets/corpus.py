"""Messages that are refused, as data: what a client says after its handshake, and the code that closes the socket."""

import json
from dataclasses import dataclass
from typing import Any

QUERY = {"query": "{ name }"}
INIT = {"type": "connection_init"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Texts and bytes go out as messages of their kind; broken bytes as a message that claims to be a text."""

    name: str
    said: tuple[str | bytes, ...]
    code: int = 4400
    introduced: bool = True
    claims_text: bool = False


def _text(**message: Any) -> str:
    return json.dumps(message)


def _subscribe(**changes: Any) -> str:
    message = {"id": "1", "type": "subscribe", "payload": QUERY} | changes
    return json.dumps({name: value for name, value in message.items() if value is not Ellipsis})


def _payload(**changes: Any) -> str:
    return _subscribe(payload=QUERY | changes)


def _init(payload: Any) -> tuple[str, ...]:
    return (json.dumps(INIT | {"payload": payload}),)


def _refused() -> dict[str, str | bytes]:
    return {
        "no JSON": "{",
        "nothing": "",
        "a number": "5",
        "null": "null",
        "a text": '"subscribe"',
        "a list": "[]",
        "a list of messages": f"[{_subscribe()}]",
        "two messages": _subscribe() + _subscribe(),
        "binary": _subscribe().encode(),
        "no type": _text(id="1", payload=QUERY),
        "a type that is a number": _text(type=5),
        "a type that is null": _text(type=None),
        "a type that is a list": _text(type=["ping"]),
        "a type that is an object": _text(type={}),
        "an unknown type": _text(type="reload"),
        "a type of another protocol": _text(id="1", type="start", payload=QUERY),
        "a type of another case": _text(type="PING"),
        "a type that only servers say": _text(type="connection_ack"),
        "a ping with a text": _text(type="ping", payload="x"),
        "a pong with a list": _text(type="pong", payload=[]),
        "no id": _subscribe(id=...),
        "an id that is null": _subscribe(id=None),
        "an id that is a number": _subscribe(id=1),
        "an id that is a list": _subscribe(id=[1]),
        "an id that is an object": _subscribe(id={}),
        "an id that is empty": _subscribe(id=""),
        "an id that is long": _subscribe(id="x" * 129),
        "no payload": _subscribe(payload=...),
        "a payload that is null": _subscribe(payload=None),
        "a payload that is a text": _subscribe(payload="{ name }"),
        "a payload that is a list": _subscribe(payload=[QUERY]),
        "no query": _subscribe(payload={}),
        "a query that is null": _payload(query=None),
        "a query that is a number": _payload(query=5),
        "a query that is a list": _payload(query=["{ name }"]),
        "a query that is empty": _payload(query=""),
        "variables that are a list": _payload(variables=[1]),
        "variables that are a text": _payload(variables="{}"),
        "an operation name that is a number": _payload(operationName=5),
        "extensions that are a list": _payload(extensions=[]),
        "a complete without an id": _text(type="complete"),
        "a complete with a number": _text(type="complete", id=1),
        "a complete with an empty id": _text(type="complete", id=""),
        "a key twice": '{"type": "ping", "type": "pong"}',
        "a variable twice": _subscribe()[:-2] + ', "variables": {"a": 1, "a": 2}}}',
        "half a character": '{"id": "\\ud800", "type": "complete"}',
        "half a character in a query": _payload(query="{ name } # \ud800"),
        "a NUL character": '{"id": "\\u0000", "type": "complete"}',
        "a number that is none": _subscribe()[:-2] + ', "variables": {"a": NaN}}}',
        "a number that is infinite": _subscribe()[:-2] + ', "variables": {"a": 1e999}}}',
        "a number of many digits": _subscribe()[:-2] + ', "variables": {"a": ' + "9" * 21 + "}}}",
        "nested deeply": "[" * 100_000,
        "variables nested deeply": _subscribe()[:-2] + ', "variables": {"a": ' + "[" * 70 + "]" * 70 + "}}}",
    }


MALFORMED: tuple[Case, ...] = (
    *(Case(name=name, said=(said,)) for name, said in _refused().items()),
    Case(name="an introduction with a text", said=_init("x"), introduced=False),
    Case(name="an introduction with a list", said=_init([]), introduced=False),
    Case(name="a credential that is a number", said=_init({"authorization": 5}), introduced=False),
    Case(name="a credential that is null", said=_init({"Authorization": None}), introduced=False),
    Case(name="a credential of two lines", said=_init({"authorization": "Bearer a\nx: y"}), introduced=False),
    Case(name="a credential twice", said=_init({"authorization": "a", "Authorization": "a"}), introduced=False),
    Case(name="a credential of many letters", said=_init({"authorization": "a" * 8193}), introduced=False),
    Case(name="no introduction", said=(_subscribe(),), code=4401, introduced=False),
    Case(name="a wrong credential", said=_init({"authorization": "Bearer x"}), code=4403, introduced=False),
    Case(name="an empty credential", said=_init({"authorization": ""}), code=4403, introduced=False),
    Case(name="a second introduction", said=(json.dumps(INIT),), code=4429),
    Case(name="invalid UTF-8", said=(b'{"type": "ping\xff"}',), code=1007, claims_text=True),
    Case(name="a message over 256 KiB", said=(_payload(query="#" * 256 * 1024),), code=1009),
)

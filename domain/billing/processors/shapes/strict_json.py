"""JSON read strictly: nothing ambiguous, nothing that a database or an encoder would choke on later."""

import json
import math
import re
from typing import Any, NoReturn

from domain.billing.processors.refusals import UnreadableEvent

DEEPEST = 64

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def read(body: bytes) -> object:
    """Read a body.

    Raises:
        UnreadableEvent: it is not UTF-8, not JSON, ambiguous (a key twice), not storable (NaN, NUL, lone surrogates,
            endless numbers), or nested too deeply.
    """
    try:
        document: object = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError):
        # No cause: the decoder's errors carry the whole body.
        raise UnreadableEvent("not JSON") from None
    _require_storable(document)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableEvent("a key stands twice")
    return found


def _no_number(_: str) -> NoReturn:
    raise UnreadableEvent("not a number")


def _require_storable(document: object) -> None:
    """Refuse what a database or an encoder would choke on later, level by level and so without recursion of our own."""
    level = [document]
    for _ in range(DEEPEST):
        if not level:
            return
        if not all(_storable(value) for value in level):
            raise UnreadableEvent("a value that no database holds")
        level = [inner for value in level for inner in _inside(value)]
    raise UnreadableEvent("nested too deeply")


def _storable(value: object) -> bool:
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    return not isinstance(value, float) or math.isfinite(value)


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []

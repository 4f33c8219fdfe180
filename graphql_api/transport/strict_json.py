"""JSON read so that everybody who reads the same bytes reads the same value; what is ambiguous or unsafe is refused."""

import json
import math
import re

MAX_DEPTH = 64
MAX_DIGITS = 20
_UNSAFE = re.compile("[\0\ud800-\udfff]")


class Malformed(ValueError):
    """The text is no JSON that we take."""


def loads(text: str) -> object:
    """Read a JSON text.

    Raises:
        Malformed: it is no JSON, names a key twice, holds a number that is not finite or of more than 20 digits, a
            lone surrogate or a NUL character, or is nested more than 64 deep.
    """
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except (ValueError, RecursionError):
        raise Malformed("This is not JSON as it is taken here.") from None
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        _inspect(value)
    return value


def is_plain(text: str) -> bool:
    """Say whether a text can be stored anywhere: no NUL and no lone surrogate."""
    return _UNSAFE.search(text) is None


def _inspect(value: object) -> None:
    """Walk the value without recursion; only escapes bring bad characters, and only many brackets bring depth."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Malformed("The JSON is nested too deeply.")
        if isinstance(item, dict):
            waiting.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            waiting.extend((part, depth + 1) for part in item)
        elif isinstance(item, str) and not is_plain(item):
            raise Malformed("A string holds a NUL character or half a character.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _integer(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise ValueError
    return int(literal)


def _float(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError
    return value


def _constant(literal: str) -> float:
    raise ValueError(literal)

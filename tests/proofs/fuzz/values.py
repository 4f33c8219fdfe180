"""Values for arguments and variables: mostly of the right kind, often at an edge, sometimes of no kind at all."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    is_list_type,
    is_non_null_type,
)

TEXTS = (
    "",
    "acme",
    "Ünïcödé ✓ 漢字",
    "a" * 300,
    "x" * 9000,
    "\u0000",
    "\ud800",
    "🪑" * 40,
    "' OR 1=1 --",
    "%s %n {0} ${7*7}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\r\nset-cookie: a=b",
    "price_pro_monthly",
    "reports",
    "seats",
)
INTEGERS = (0, 1, 2, 20, 100, 101, -1, 2147483647, 2147483648, -2147483648, 10**30)
INSTANTS = (
    "2026-11-21T12:00:00Z",
    "2026-11-21T12:00:00.123456+02:00",
    "2026-11-21",
    "2026-11-21T12:00:00",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "tomorrow",
    "2026-13-45T99:99:99Z",
)
ANYTHING: tuple[Any, ...] = (None, True, -1, 1.5, 1e308, "text", [], [[]], {}, {"a": {"b": [1, None]}}, [None])
RIGHT, USUAL, LEFT_OUT = 0.985, 0.85, 0.5


def value(rng: Random, kind: GraphQLInputType, ids: Sequence[str], *, depth: int = 3) -> Any:
    """Make a JSON value for an input type."""
    if rng.random() > RIGHT or depth < 0:
        return rng.choice(ANYTHING)
    if isinstance(kind, GraphQLNonNull):
        return value(rng, kind.of_type, ids, depth=depth)
    if isinstance(kind, GraphQLList):
        return [
            value(rng, kind.of_type, ids, depth=depth - 1)
            for _ in range(rng.choice((1, 1, 2, 3, 0, 101) if depth > 1 else (1,)))
        ]
    if isinstance(kind, GraphQLEnumType):
        return rng.choice(list(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {
            name: value(rng, field.type, ids, depth=depth - 1)
            for name, field in kind.fields.items()
            if is_non_null_type(field.type) or rng.random() > LEFT_OUT
        }
    return scalar(rng, str(kind), ids)


def scalar(rng: Random, name: str, ids: Sequence[str]) -> Any:
    """Make a value for a scalar by its name."""
    match name:
        case "ID":
            return rng.choice(ids) if rng.random() < RIGHT else rng.choice((*TEXTS, "org_" + "0" * 32, 7))
        case "Int":
            return rng.choice(INTEGERS[1:5] if rng.random() < USUAL else INTEGERS)
        case "Boolean":
            return rng.random() < 0.5
        case "DateTime":
            return rng.choice(INSTANTS[:2] if rng.random() < USUAL else INSTANTS)
        case "Float":
            return rng.choice((0.0, -1.5, 1e308))
        case _:
            return rng.choice(TEXTS[-4:] if rng.random() < USUAL else TEXTS)


def literal(found: Any) -> str:
    """Write a value as GraphQL does; enumeration values are written by their names."""
    if isinstance(found, dict):
        return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in found.items()) + "}"
    if isinstance(found, list):
        return "[" + ", ".join(map(literal, found)) + "]"
    if isinstance(found, str) and found.isupper() and found.isascii() and found.replace("_", "").isalpha():
        return found
    return json.dumps(found)


def takes_many(kind: GraphQLInputType) -> bool:
    """Say whether a type is a list, required or not."""
    return is_list_type(kind.of_type if isinstance(kind, GraphQLNonNull) else kind)

"""What clients read of fields, arguments and values that are not described where they are made; the words are data."""

import tomllib
from pathlib import Path
from typing import Any

from graphql import GraphQLEnumType, GraphQLSchema

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
NAMES: dict[str, str] = _WORDS["names"]
EXACTLY: dict[str, str] = _WORDS["exactly"]
VALUES: dict[str, dict[str, str]] = _WORDS["values"]


def describe(schema: GraphQLSchema) -> None:
    """Describe what has no description yet; what a host has made is left to the host where no word of ours fits."""
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(kind, GraphQLEnumType):
            for value, found in kind.values.items():
                found.description = found.description or VALUES.get(name, {}).get(value)
        for field, found in getattr(kind, "fields", {}).items():
            found.description = found.description or EXACTLY.get(f"{name}.{field}", NAMES.get(field))
            _describe_arguments(found)


def _describe_arguments(field: Any) -> None:
    for name, argument in getattr(field, "args", {}).items():
        argument.description = argument.description or NAMES.get(name)

"""How a schema may change: what breaks clients is announced by `@deprecated` first, and a gate is a promise too.

Works on printed schemas alone, Seatgate's or a host's beside it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLSchema,
    build_schema,
    lexicographic_sort_schema,
    print_ast,
    print_schema,
)
from graphql.utilities import find_breaking_changes

GATES = ("@requireFeature(", "@requirePlan(", "@requireScope(")
POLICY = re.compile(r".+ Removed after (?P<day>\d{4}-\d{2}-\d{2})\.", re.DOTALL)
"""What the reason of a `@deprecated` says: what to use in its place, and the last day in UTC that it is there."""


@dataclass(frozen=True, slots=True, order=True)
class Breaking:
    """A change that can break clients. `announced`: it was deprecated, until a day that is over."""

    description: str
    announced: bool


def fingerprint(printed: str) -> str:
    """Give the SHA-256 of a printed schema in hex, the same whatever the order it was printed in."""
    schema = build_schema(printed)
    applied = (f"{place} {directive}" for place, field in _fields(schema) for directive in _applied(field))
    return sha256("\n".join([print_schema(lexicographic_sort_schema(schema)), *sorted(applied)]).encode()).hexdigest()


def breaking_changes(old: str, new: str, *, today: date) -> list[Breaking]:
    """List what breaks between two printed schemas; whether removals were announced is judged as of `today`, in UTC.

    A gate that goes, comes or changes breaks as well: who was denied may pass, or the other way round.
    """
    before, after = build_schema(old), build_schema(new)
    due = set(_removals_due(before, today))
    found = (change.description for change in find_breaking_changes(before, after))
    changed = (*found, *_changed_gates(before, after))
    return sorted(Breaking(description, announced=description in due) for description in changed)


def unplanned_deprecations(printed: str) -> list[str]:
    """Name what is deprecated without saying what to use in its place and until when it stays."""
    return [place for place, reason in _deprecated(build_schema(printed)) if POLICY.fullmatch(reason) is None]


def _removals_due(schema: GraphQLSchema, today: date) -> Iterator[str]:
    """Word the removals that have been announced for a day before `today`, as graphql-core words removals."""
    for place, reason in _deprecated(schema):
        planned = POLICY.fullmatch(reason)
        if planned and date.fromisoformat(planned["day"]) < today:
            yield f"{place} was removed."


def _deprecated(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    for name, kind in schema.type_map.items():
        members: dict[str, Any] = kind.values if isinstance(kind, GraphQLEnumType) else getattr(kind, "fields", {})
        what = "Enum value" if isinstance(kind, GraphQLEnumType) else "Field"
        for member, value in members.items():
            if value.deprecation_reason is not None:
                yield f"{what} {name}.{member}", value.deprecation_reason
            for arg, given in getattr(value, "args", {}).items():
                if given.deprecation_reason is not None:
                    yield f"Argument {name}.{member}({arg}:)", given.deprecation_reason


def _changed_gates(before: GraphQLSchema, after: GraphQLSchema) -> Iterator[str]:
    """Compare the gates of fields that are in both: graphql-core does not look at what stands on a field."""
    twins = dict(_fields(after))
    for place, field in _fields(before):
        was, now = _gates(field), _gates(twins.get(place, field))
        if was != now:
            yield f"Field {place} changed its gates from [{', '.join(was)}] to [{', '.join(now)}]."


def _fields(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    for name, kind in schema.type_map.items():
        for field, found in getattr(kind, "fields", {}).items():
            yield f"{name}.{field}", found


def _gates(field: Any) -> list[str]:
    return [directive for directive in _applied(field) if directive.startswith(GATES)]


def _applied(field: Any) -> list[str]:
    return sorted(print_ast(directive) for directive in (field.ast_node and field.ast_node.directives) or ())

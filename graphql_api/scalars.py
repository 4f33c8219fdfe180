"""Scalars of our own. Instants are RFC 3339 in UTC; input without an offset is refused, because it means nothing."""

from datetime import UTC, datetime
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from domain.errors import InvalidInput


def write_instant(value: datetime) -> str:
    """Write an instant as every answer does."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        if instant is None or instant.tzinfo is None:
            raise InvalidInput("An instant is a text as in RFC 3339, with an offset.")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("An instant is a text as in RFC 3339, with an offset.") from error


def _unchanged(value: object) -> object:
    return value


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description=("An instant: RFC 3339 with microseconds, printed in UTC with Z. Input without an offset is refused."),
    serialize=write_instant,
    parse_value=_read,
)

JSON = NewType("JSON", object)
"""A JSON value as another system wrote or reads it."""

JSON_VALUE: ScalarDefinition = strawberry.scalar(
    name="JSON",
    description="A JSON value that another system wrote or reads: webhook bodies, audit states, step-up challenges.",
    serialize=_unchanged,
    parse_value=_unchanged,
)

MinorUnits = NewType("MinorUnits", int)
"""An amount of money, in the minor unit of its currency."""

MINOR_UNITS: ScalarDefinition = strawberry.scalar(
    name="MinorUnits",
    description=(
        "Money in the minor unit of its currency, as a string of digits with an optional minus (Int stops at 32 bits)."
    ),
    serialize=str,
    parse_value=int,
)

SCALARS: dict[object, ScalarDefinition] = {datetime: DATE_TIME, JSON: JSON_VALUE, MinorUnits: MINOR_UNITS}
"""Which scalar stands for which type."""

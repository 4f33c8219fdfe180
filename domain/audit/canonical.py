"""One form in bytes for every event, the same on both engines: what the seals are made over.

A JSON object with the columns by name, sorted, without spaces and in ASCII. Columns that are null are left out, so that
a column added later leaves older seals right. Instants are in UTC with microseconds and a Z. A number with nothing
behind the point is written as a whole number, because one engine keeps `1e22` and the other spells it out.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from domain.audit.models import AuditEvent

COLUMNS = tuple(AuditEvent.__table__.columns)
"""Everything that is known of an event."""


def canonical(event: RowMapping | Mapping[str, Any]) -> bytes:
    """Write an event, given as its columns by name."""
    told = {name: _plain(value) for name, value in event.items() if value is not None}
    # Of what cannot be in a column, and is there all the same, any form will do that is not the right one.
    return json.dumps(told, sort_keys=True, separators=(",", ":"), default=repr).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def instant(value: datetime) -> str:
    """Write an instant in UTC with microseconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

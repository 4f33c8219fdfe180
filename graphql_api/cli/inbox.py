"""How the command line reads filters of the inbox, and writes down what it holds."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from domain.errors import ConfigError
from domain.ids import Prefix, prefix_of
from graphql_api.cli import telling

if TYPE_CHECKING:
    from domain.billing import EventFilter, WebhookEvent
    from domain.scope import Scope

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

PASSED_OVER = "passed over"
MOST_FAILED = 20
COLUMNS = ("id", "status", "type", "processor", "event", "occurred", "attempts", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay came to, in words, and how many events failed again."""

    words: str
    failed: int = 0


def scope() -> "Scope":
    """Name who acts: whoever has the command line has the database."""
    from domain.scope import system

    return system("command line")


def narrowed(
    statuses: Sequence[str] | None,
    types: Sequence[str] | None,
    processor: str | None,
    since: str | None,
    until: str | None,
    customer: str | None,
) -> "EventFilter":
    """Read the options of a filter.

    Raises:
        ConfigError: some of them cannot be; each fault names its option.
    """
    from domain.billing import EventFilter, ProcessorName, WebhookStatus

    faults: list[str] = []
    made = EventFilter(
        statuses=_each("--status", statuses, _choice(WebhookStatus), faults),
        types=_each("--type", types, _type, faults),
        processor=_one("--processor", processor, _choice(ProcessorName), faults),
        since=_one("--since", since, _instant, faults),
        until=_one("--until", until, _instant, faults),
        customer_id=_one("--customer", customer, _customer, faults),
    )
    if made.since and made.until and made.since > made.until:
        faults.append("--since: is after --until")
    if faults:
        raise ConfigError(faults)
    return made


def narrows(narrowed: "EventFilter") -> bool:
    """Say whether a filter holds anything at all."""
    return any(getattr(narrowed, field.name) is not None for field in fields(narrowed))


def named(ids: Sequence[str]) -> list[str]:
    """Take ids of events, each once.

    Raises:
        ConfigError: one is no id of an event.
    """
    if wrong := [id for id in ids if prefix_of(id) is not Prefix.WEBHOOK_EVENT]:
        raise ConfigError([f"{id!r} is no id of an event (whe_…)" for id in wrong])
    return list(dict.fromkeys(ids))


def has_failed(row: "WebhookEvent") -> bool:
    """Say whether an event could not be applied."""
    from domain.billing import WebhookStatus

    return row.status in {WebhookStatus.FAILED, WebhookStatus.DEAD}


def events(number: int) -> str:
    """Write a number of events."""
    return "1 event" if number == 1 else f"{number} events"


def outcome(counted: Counter[str], failed: "Sequence[WebhookEvent]") -> Outcome:
    """Write what a replay came to, and which events failed again, the first ones at least."""
    told = {
        "applied": counted["applied"],
        "ignored": counted["ignored"],
        "waiting": counted["received"],
        "failed": len(failed),
        PASSED_OVER: counted[PASSED_OVER],
    }
    lines = [f"{events(counted.total())}: " + ", ".join(f"{number} {what}" for what, number in told.items()) + "."]
    lines += [f"  {row.id} {_shown(row.type)}: {row.last_error}" for row in failed[:MOST_FAILED]]
    if len(failed) > MOST_FAILED:
        lines.append(f"  and {len(failed) - MOST_FAILED} more; `seatgate webhooks list --status failed` has them")
    return Outcome(words="\n".join(lines), failed=len(failed))


def document(row: "WebhookEvent") -> Mapping[str, Any]:
    """Give an event as JSON holds it: the API's names, the filter's words, instants in UTC."""
    return {
        "id": row.id,
        "processor": row.processor,
        "livemode": row.livemode,
        "eventId": row.event_id,
        "type": row.type,
        "status": row.status,
        "occurredAt": _written(row.occurred_at),
        "receivedAt": _written(row.received_at),
        "appliedAt": _written(row.applied_at),
        "attempts": row.attempts,
        "nextAttemptAt": _written(row.next_attempt_at),
        "waitingFor": row.waiting_for,
        "lastError": row.last_error,
        "customerId": row.customer_id,
    }


def table(rows: "Sequence[WebhookEvent]") -> str:
    """Write events as a table, a line for each."""
    return "\n".join(telling.table([COLUMNS, *(_cells(row) for row in rows)]))


def _cells(row: "WebhookEvent") -> tuple[str, ...]:
    occurred = _written(row.occurred_at) or ""
    cells = (row.id, row.status, row.type, row.processor, row.event_id, occurred, str(row.attempts), _why(row))
    return tuple(map(_shown, cells))


def _why(row: "WebhookEvent") -> str:
    """Say what an event waits for, or what it failed of and when it is tried again."""
    if row.waiting_for is not None:
        return f"waits for {row.waiting_for} to be linked"
    if row.last_error is None:
        return ""
    again = _written(row.next_attempt_at)
    return row.last_error if again is None else f"{row.last_error}, again at {again}"


def _shown(text: str) -> str:
    """Keep what an event calls itself from steering the terminal."""
    return text if text.isprintable() else ascii(text)


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _each(
    option: str, values: Sequence[str] | None, parse: Callable[[str], T], faults: list[str]
) -> tuple[T, ...] | None:
    if not values:
        return None
    return tuple(found for value in values if (found := _one(option, value, parse, faults)) is not None)


def _one(option: str, value: str | None, parse: Callable[[str], T], faults: list[str]) -> T | None:
    """Read an option's value; one that cannot be leaves a fault."""
    if value is None:
        return None
    try:
        return parse(value)
    except ValueError as error:
        faults.append(f"{option}: {error}")
        return None


def _choice(kind: type[E]) -> Callable[[str], E]:
    def parse(value: str) -> E:
        if value not in set(kind):
            raise ValueError(f"is none of {', '.join(kind)}")
        return kind(value)

    return parse


def _type(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError("is no type of an event")
    return value


def _customer(value: str) -> str:
    if prefix_of(value) is not Prefix.CUSTOMER:
        raise ValueError("is no id of a customer (cst_…)")
    return value


def _instant(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no instant of ISO 8601") from None

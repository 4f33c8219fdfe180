"""What a proof can find, each with a story that a person can follow. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class ViolationKind(StrEnum):
    """Which promise was broken."""

    OVERSOLD = "oversold"
    REFUSED_WHILE_FREE = "refused_while_free"
    COUNTER_DIFFERS = "counter_differs"
    WRITE_LOST = "write_lost"
    WRITE_HALF_DONE = "write_half_done"
    LIMIT_LOST = "limit_lost"
    PROCESS_FAILED = "process_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken promise: where, by which calls, and how that can be told."""

    kind: ViolationKind
    story: str
    organization_id: str | None = None
    calls: tuple[str, ...] = ()

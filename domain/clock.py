"""The one clock. Everything that asks for the time is handed one of these."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time: an aware UTC instant with microseconds."""

    def now(self) -> datetime:
        """Say what time it is."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Say what time it is on this machine, in UTC."""
        return datetime.now(UTC)

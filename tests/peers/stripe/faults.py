"""Faults that a test switches on: for the next requests of an operation, and for the next webhooks."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

EVERY = "*"


class Fault(StrEnum):
    """What goes wrong with a request."""

    ERROR_BEFORE = "error before"  # 500, and nothing was done
    ERROR_AFTER = "error after"  # it was done, and the answer on its way became a 500; a repetition gets the answer
    ERROR_KEPT = "error kept"  # it was done, and the 500 is what every repetition with the key gets, as documented
    ERROR_KEPT_UNDONE = "error kept, undone"  # nothing was done, and the 500 is all the same kept for the key
    TOO_MANY = "too many"  # 429 with Retry-After, and nothing was done
    HANG_BEFORE = "hang before"  # no answer until the caller gives up: nothing is done then; or until released
    HANG_AFTER = "hang after"  # it is done, and there is no answer until the caller gives up, or until released
    LOST_ANSWER = "lost answer"  # it was done, and the connection broke before the answer had come


class Mishap(StrEnum):
    """What goes wrong with a webhook."""

    DUPLICATE = "duplicate"  # it comes twice
    REORDER = "reorder"  # it comes after the next one
    DELAY = "delay"  # it comes an hour later
    DROP = "drop"  # it never comes


@dataclass(slots=True)
class Faults:
    """The faults that are still to come, in order, by the name of the operation."""

    retry_after_seconds: int = 1
    hanging: int = 0  # requests that hang now
    _next: dict[str, deque[Fault]] = field(default_factory=dict)
    _webhooks: dict[str, deque[Mishap]] = field(default_factory=dict)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def next(self, operation: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next requests of this operation go wrong; `*` means any that nothing else is meant for."""
        self._next.setdefault(operation, deque()).extend([fault] * times)

    def next_webhook(self, mishap: Mishap, *, type: str = EVERY, times: int = 1) -> None:
        """Let the next webhooks of this type go wrong; `*` means any."""
        self._webhooks.setdefault(type, deque()).extend([mishap] * times)

    def take(self, operation: str) -> Fault | None:
        """Give the fault of a request that has come, and use it up."""
        waiting = self._next.get(operation) or self._next.get(EVERY)
        return waiting.popleft() if waiting else None

    def take_webhook(self, type: str) -> Mishap | None:
        """Give the mishap of a webhook that is to be sent, and use it up."""
        waiting = self._webhooks.get(type) or self._webhooks.get(EVERY)
        return waiting.popleft() if waiting else None

    def release(self) -> None:
        """Let every request that hangs go on, and none that comes later."""
        self._released.set()
        self._released = asyncio.Event()

    @contextmanager
    def hang(self) -> Iterator[asyncio.Event]:
        """Count a request that hangs, and give what it waits for."""
        self.hanging += 1
        try:
            yield self._released
        finally:
            self.hanging -= 1

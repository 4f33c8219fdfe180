"""Faults by script, so that one can see what a silent or lying processor does to one's house."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from domain.billing.processors import ProcessorUnavailable

T = TypeVar("T")

UNDONE = frozenset({"cancel", "resume", "change_item", "pause", "unpause", "expire_checkout"})
"""The commands that can answer without having done anything, because what they are about is there already."""

LISTS = frozenset({"list_subscriptions", "list_events", "find_customer", "find_purchase"})
"""What the worker asks for by itself, at no foreseeable moment: only a fault that names it hits it."""
COMMANDS = (
    UNDONE
    | LISTS
    | {
        "create_customer",
        "subscribe",
        "preview",
        "create_checkout",
        "create_portal",
        "fetch",
    }
)


class FaultKind(StrEnum):
    """What goes wrong: with a command, or with a webhook."""

    ERROR_500 = "ERROR_500"  # an error for an answer; nothing is done
    ERROR_429 = "ERROR_429"  # too many requests; nothing is done
    HANG = "HANG"  # done and answered, but so late
    LOST_ANSWER = "LOST_ANSWER"  # done, and nobody hears of it
    NOT_DONE = "NOT_DONE"  # answered as if nothing were wrong, and nothing is done
    DUPLICATE = "DUPLICATE"  # the webhook comes twice
    REORDER = "REORDER"  # the webhook comes after the one that should have followed it
    DELAY = "DELAY"  # the webhook comes later
    DROP = "DROP"  # the webhook never comes; the list of events has it


WEBHOOK_FAULTS = frozenset({FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.DELAY, FaultKind.DROP})
COMMAND_FAULTS = frozenset(FaultKind) - WEBHOOK_FAULTS
LONGEST_SECONDS = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault to come. It hits once: the next of what `operation` names, or simply the next one.

    `operation`: a command as the protocol calls it, or an event's type. `seconds`: how long a HANG or a DELAY is.
    """

    kind: FaultKind
    operation: str | None = None
    seconds: float = 0

    def check(self) -> None:
        """Let pass a fault that something can have.

        Raises:
            ValueError: nothing can.
        """
        if not 0 <= self.seconds <= LONGEST_SECONDS:
            raise ValueError(f"{self.seconds} seconds are not between 0 and {LONGEST_SECONDS}")
        if self.kind is FaultKind.NOT_DONE and self.operation not in {None, *UNDONE}:
            raise ValueError(f"{self.operation} cannot answer without having done anything")
        if self.kind in COMMAND_FAULTS and self.operation not in {None, *COMMANDS}:
            raise ValueError(f"{self.operation} is no command")
        if self.kind in WEBHOOK_FAULTS and self.operation in COMMANDS:
            raise ValueError(f"{self.operation} is no type of event")

    def hits(self, operation: str) -> bool:
        """Say whether this call or webhook is the one."""
        if self.operation is None and operation in LISTS:
            return False
        if self.kind is FaultKind.NOT_DONE and operation not in UNDONE:
            return False
        possible = COMMAND_FAULTS if operation in COMMANDS else WEBHOOK_FAULTS
        return self.kind in possible and self.operation in {None, operation}


class Script(Protocol):
    """Faults that wait, in order."""

    async def take(self, operation: str) -> Fault | None:
        """Take out the first fault that hits; None when none does."""


class OwnScript:
    """The script of one process."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    @property
    def waits(self) -> bool:
        """Say whether any fault waits."""
        return bool(self._waiting)

    def write(self, faults: Iterable[Fault]) -> None:
        """Replace what waits; nothing clears it.

        Raises:
            ValueError: a fault that nothing can have.
        """
        waiting = list(faults)
        for fault in waiting:
            fault.check()
        self._waiting = waiting

    async def take(self, operation: str) -> Fault | None:
        """Take out the first fault that hits."""
        fault = next((each for each in self._waiting if each.hits(operation)), None)
        if fault is not None:
            self._waiting.remove(fault)
        return fault


async def play(
    scripts: Iterable[Script],
    operation: str,
    deed: Callable[[], Awaitable[T]],
    undone: Callable[[], Awaitable[T]] | None = None,
) -> T:
    """Do a deed as the scripts want it; `undone` answers in its place when nothing shall be done.

    Raises:
        ProcessorUnavailable: a script has an error here, or loses the answer.
    """
    fault = await first(scripts, operation)
    if fault is None:
        return await deed()
    match fault.kind:
        case FaultKind.ERROR_500 | FaultKind.ERROR_429:
            raise ProcessorUnavailable(fault.kind, answered=True)
        case FaultKind.HANG:
            await asyncio.sleep(fault.seconds)
        case FaultKind.LOST_ANSWER:
            await deed()
            raise ProcessorUnavailable(fault.kind)
        case FaultKind.NOT_DONE if undone is not None:
            return await undone()
    return await deed()


async def first(scripts: Iterable[Script], operation: str) -> Fault | None:
    """Take the first fault that hits out of the first script that has one."""
    for script in scripts:
        fault = await script.take(operation)
        if fault is not None:
            return fault
    return None

"""Faults of the Fake by script, so that one can see what a silent or lying processor does to one's house."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from domain.billing.processors import ProcessorUnavailable

T = TypeVar("T")

UNDONE = frozenset({"cancel", "resume"})
"""The commands that can answer without having done anything, because what they are about is there already."""


class FaultKind(StrEnum):
    """What goes wrong with a command."""

    ERROR_500 = "ERROR_500"  # an error for an answer; nothing is done
    ERROR_429 = "ERROR_429"  # too many requests; nothing is done
    HANG = "HANG"  # done and answered, but so late
    LOST_ANSWER = "LOST_ANSWER"  # done, and nobody hears of it
    NOT_DONE = "NOT_DONE"  # answered as if nothing were wrong, and nothing is done


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault to come. It hits once: the next call of `operation`, or simply the next one. `seconds` for HANG."""

    kind: FaultKind
    operation: str | None = None
    seconds: float = 0

    def hits(self, operation: str) -> bool:
        """Say whether this call is the one."""
        possible = self.kind is not FaultKind.NOT_DONE or operation in UNDONE
        return possible and self.operation in {None, operation}


class Faults:
    """The script of one process, played in order."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def script(self, faults: Iterable[Fault]) -> None:
        """Replace what waits; nothing clears it.

        Raises:
            ValueError: a fault that no call can have.
        """
        waiting = list(faults)
        for fault in waiting:
            if fault.kind is FaultKind.NOT_DONE and fault.operation not in {None, *UNDONE}:
                raise ValueError(f"{fault.operation} cannot answer without having done anything")
        self._waiting = waiting

    async def play(
        self, operation: str, deed: Callable[[], Awaitable[T]], undone: Callable[[], Awaitable[T]] | None = None
    ) -> T:
        """Do a deed as the script wants it; `undone` answers in its place when nothing shall be done.

        Raises:
            ProcessorUnavailable: the script has an error here, or loses the answer.
        """
        fault = next((each for each in self._waiting if each.hits(operation)), None)
        if fault is None:
            return await deed()
        self._waiting.remove(fault)
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

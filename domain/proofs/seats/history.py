"""The history of a proof: a line before each call and a line after it, as plain JSON, and how they are read back.

A line is handed to the operating system before the call begins, and before the next one does, so that killing the
process loses none. Instants are nanoseconds of the machine's monotonic clock, which all processes of a machine share
(on Linux CLOCK_MONOTONIC); so all processes of a proof run on one machine.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Operation(StrEnum):
    """What is attempted."""

    ADD = "add"
    REMOVE = "remove"
    LIMIT = "limit"


class Answer(StrEnum):
    """How a call ended. One that was cut off, or that could not be told how it ended, is unsure: it may be done."""

    DONE = "done"
    FULL = "full"
    REFUSED = "refused"
    UNSURE = "unsure"


@dataclass(slots=True, kw_only=True)
class Call:
    """One call between two instants. `ended_at` None: nobody heard how it ended.

    `holder` is what takes the seat or lets it go: of an `add` it is known only afterwards. `limit` is what is set, and
    `order` puts the limits of one organization in line. `code` says why it was refused.
    """

    id: str
    operation: Operation
    organization: int
    began_at: int
    ended_at: int | None = None
    answer: Answer = Answer.UNSURE
    person: int | None = None
    holder: str | None = None
    limit: int | None = None
    order: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one statement saw in the database between two instants."""

    organization: int
    began_at: int
    ended_at: int
    used: int
    holders: int
    living: int
    limit: int | None


@dataclass(slots=True, kw_only=True)
class History:
    """Everything that was recorded. `limits` are those that the organizations began with."""

    organizations: tuple[str, ...]
    people: tuple[str, ...]
    limits: tuple[int, ...]
    calls: list[Call] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One organization in the tables at the end, read while nobody could write.

    `members` are users by membership; `added` and `removed` are the memberships that the ledger names.
    """

    used: int
    holders: frozenset[str]
    members: dict[str, str]
    added: frozenset[str]
    removed: frozenset[str]
    limit: int | None


class Recorder:
    """Appends to the history of one process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def begin(self, call: str, operation: Operation, *, organization: int, **facts: object) -> None:
        """Write that a call begins now; it may begin when this returns."""
        self._write({"call": call, "begins": operation, "at": now(), "organization": organization, **facts})

    def end(self, call: str, answer: Answer, **facts: object) -> None:
        """Write that a call has ended by now."""
        self._write({"call": call, "ends": answer, "at": now(), **facts})

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._file, json.dumps(line, separators=(",", ":")).encode() + b"\n")


def history_of(folder: Path, *, process: int, life: int) -> Path:
    """Say where one life of one process is recorded."""
    return folder / f"calls-{process}-{life}.jsonl"


def now() -> int:
    """Read the clock that all processes of this machine share."""
    return time.monotonic_ns()


def read_all(folder: Path) -> list[Call]:
    """Read the calls of every process."""
    return [call for path in sorted(folder.glob("calls-*.jsonl")) for call in read_calls(path)]


def read_calls(path: Path) -> list[Call]:
    """Read the calls of one process, in the order in which they began.

    A last line that is torn was never finished: the call did not begin, or nobody heard how it ended.
    """
    calls: dict[str, Call] = {}
    for line in _lines(path):
        if "begins" in line:
            calls[line["call"]] = _begun(line)
        else:
            _conclude(calls[line["call"]], line)
    return list(calls.values())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _begun(line: dict[str, Any]) -> Call:
    return Call(
        id=line["call"],
        operation=Operation(line["begins"]),
        organization=line["organization"],
        began_at=line["at"],
        person=line.get("person"),
        holder=line.get("holder"),
        limit=line.get("limit"),
        order=line.get("order"),
    )


def _conclude(call: Call, line: dict[str, Any]) -> None:
    call.answer, call.code = Answer(line["ends"]), line.get("code")
    # How it ended is not known, so neither is when: what it began may still come true.
    call.ended_at = None if call.answer is Answer.UNSURE else line["at"]
    call.holder = line.get("holder", call.holder)

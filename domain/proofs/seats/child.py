"""One process of the proof: `python -m domain.proofs.seats.child FOLDER PROCESS LIFE ATTEMPTS`.

It says that it is ready, waits for a line on its standard input, and works until its attempts are used up or its
parent closes that input or is gone. It may be killed at any moment; its successor has the next LIFE.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from domain import settings
from domain.errors import DomainError, SeatLimitReached, Unavailable
from domain.proofs.seats import events
from domain.proofs.seats.history import Answer, Operation, Recorder, history_of
from domain.proofs.seats.naive import naive
from domain.proofs.seats.operations import Attempt, RealAdding, Ring, seats_wanted
from domain.proofs.seats.plan import STAGE, Stage, read_stage
from domain.proofs.seats.troupe import READY
from domain.wiring import build


@dataclass(slots=True, kw_only=True)
class Life:
    """One life of one process: which of the processes it is, how many attempts it has, and whether to stop."""

    stage: Stage
    process: int
    number: int
    attempts: int
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Iterator[int] = field(default_factory=count)

    def chance(self, task: int) -> Random:
        """Give a task its own choices: the same seed, the same choices."""
        return Random(f"{self.stage.plan.seed}/{self.process}/{self.number}/{task}")  # noqa: S311 - no secret

    def own(self) -> list[int]:
        """List the organizations whose limits this process alone changes, one change after the other."""
        plan = self.stage.plan
        return [number for number in range(plan.organizations) if number % plan.processes == self.process]


async def live(life: Life, ring: Ring, recorder: Recorder) -> None:
    """Use the attempts up with every task at once."""
    locks = {organization: asyncio.Lock() for organization in life.own()}
    async with asyncio.TaskGroup() as tasks:
        for task in range(life.stage.plan.tasks):
            tasks.create_task(_work(life, ring, recorder, locks, task))


async def _work(life: Life, ring: Ring, recorder: Recorder, locks: dict[int, asyncio.Lock], task: int) -> None:
    chance, plan = life.chance(task), life.stage.plan
    weights, limit_share = plan.weights(), plan.limit_share()
    while not life.stopping.is_set() and (number := next(life.numbers)) < life.attempts:
        call = f"{life.process}.{life.number}.{number}"
        if locks and chance.random() < limit_share:
            organization = chance.choice(list(locks))
            # Two changes at once would have no order that the processor could tell.
            async with locks[organization]:
                order = events.order(life.number, number)
                attempt = Attempt(
                    operation=Operation.LIMIT, organization=organization, limit=seats_wanted(chance), order=order
                )
                await _recorded(call, attempt, ring, recorder)
        else:
            (organization,) = chance.choices(range(plan.organizations), weights)
            await _recorded(call, await ring.choose(chance, organization=organization), ring, recorder)


async def _recorded(call: str, attempt: Attempt, ring: Ring, recorder: Recorder) -> None:
    recorder.begin(call, attempt.operation, organization=attempt.organization, **attempt.facts())
    try:
        holder = await ring.carry_out(attempt)
    except SeatLimitReached:
        recorder.end(call, Answer.FULL)
    except Unavailable as error:
        recorder.end(call, Answer.UNSURE, code=error.code)
    except DomainError as error:
        recorder.end(call, Answer.REFUSED, code=error.code)
    else:
        recorder.end(call, Answer.DONE, **({} if holder is None else {"holder": holder}))


async def run(folder: Path, *, process: int, number: int, attempts: int, stopping: asyncio.Event) -> None:
    """Join the house together in this process and live."""
    stage = read_stage((folder / STAGE).read_text(encoding="utf-8"))
    services = build(settings.read(os.environ, folder=folder))
    adding = naive(services) if stage.plan.naive else RealAdding(services)
    places = {user: place for place, user in enumerate(stage.people)}
    recorder = Recorder(history_of(folder, process=process, life=number))
    try:
        ring = Ring(services=services, stage=stage, adding=adding, places=places)
        life = Life(stage=stage, process=process, number=number, attempts=attempts, stopping=stopping)
        await live(life, ring, recorder)
    finally:
        recorder.close()
        await services.aclose()


async def main(folder: Path, process: int, number: int, attempts: int) -> None:
    """Wait for the parent's word, and stop working when it is heard no more."""
    stopping, reader = asyncio.Event(), asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    if not await reader.readline():
        return

    async def listen() -> None:
        await reader.read()
        stopping.set()

    listening = asyncio.ensure_future(listen())
    await run(folder, process=process, number=number, attempts=attempts, stopping=stopping)
    listening.cancel()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:5])))

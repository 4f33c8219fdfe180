"""The processes of a proof: started together, killed and replaced, and gone at the end whatever happens."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.proofs.scratch import Scratch, surroundings
from domain.proofs.seats.history import history_of
from domain.proofs.seats.plan import Plan
from domain.proofs.seats.violations import Violation, ViolationKind

READY = b"ready\n"
START_SECONDS = 60
TOLD_LINES = 15
_BEGUN = b'"begins"'


@dataclass(slots=True, kw_only=True)
class Actor:
    """One life of one process."""

    place: int
    life: int
    attempts: int
    process: asyncio.subprocess.Process
    history: Path
    log: Path
    read: int = 0
    begun: int = 0
    killed: bool = False

    def count(self) -> int:
        """Count the attempts that it has begun, reading on where it was read last."""
        if self.history.exists():
            with self.history.open("rb") as file:
                file.seek(self.read)
                new = file.read()
            # Only whole lines, so that none is counted by halves.
            whole = new[: new.rfind(b"\n") + 1]
            self.read += len(whole)
            self.begun += whole.count(_BEGUN)
        return self.begun

    def finished(self) -> bool:
        """Say whether it is gone."""
        return self.process.returncode is not None


@dataclass(slots=True, kw_only=True)
class Troupe:
    """All processes of a proof. Leaving the block ends whoever is left."""

    scratch: Scratch
    plan: Plan
    kills: int = 0
    failures: list[Violation] = field(default_factory=list)
    _actors: dict[int, Actor] = field(default_factory=dict)
    _past: int = 0
    _dismissed: bool = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for actor in self._actors.values():
            if not actor.finished():
                actor.process.kill()
            await asyncio.shield(actor.process.wait())

    async def begin(self) -> None:
        """Start everybody, and let them go when all are ready, so that they meet from the first call on."""
        for place, attempts in enumerate(self.plan.shares()):
            await self._start(place, life=0, attempts=attempts)
        await asyncio.gather(*(self._ready(actor) for actor in self._actors.values()))
        for actor in self._actors.values():
            _go(actor)

    def living(self) -> bool:
        """Say whether anybody is still at work; who has ended by itself otherwise than well is noted."""
        for actor in self._actors.values():
            self._judge(actor)
        return any(not actor.finished() for actor in self._actors.values())

    def attempts(self) -> int:
        """Count the attempts that have begun."""
        return self._past + sum(actor.count() for actor in self._actors.values())

    async def kill(self, place: int) -> None:
        """Kill a process, -9, in the middle of whatever it does, and let a successor use up its attempts.

        The next living process is taken where this one has finished; where all have, nobody is killed.
        """
        order = [(place + step) % self.plan.processes for step in range(self.plan.processes)]
        victim = next((self._actors[at] for at in order if not self._actors[at].finished()), None)
        if victim is None or self._dismissed:
            return
        victim.killed = True
        victim.process.kill()
        await victim.process.wait()
        self.kills += 1
        left = victim.attempts - victim.count()
        self._past += victim.begun
        successor = await self._start(victim.place, life=victim.life + 1, attempts=left)
        await self._ready(successor)
        _go(successor)

    def dismiss(self) -> None:
        """Ask everybody to finish what is under way and to stop."""
        self._dismissed = True
        for actor in self._actors.values():
            if actor.process.stdin is not None:
                actor.process.stdin.close()

    def give_up(self, why: str) -> None:
        """End everybody and note why."""
        self._fail(why)
        for actor in self._actors.values():
            if not actor.finished():
                actor.killed = True
                actor.process.kill()

    async def _start(self, place: int, *, life: int, attempts: int) -> Actor:
        folder = self.scratch.folder
        log = folder / f"process-{place}-{life}.log"
        arguments = map(str, (folder, place, life, attempts))
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "domain.proofs.seats.child",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=surroundings(self.scratch),
                cwd=folder,
                # Ctrl-C is for the conductor, who ends everybody.
                start_new_session=True,
            )
        history = history_of(folder, process=place, life=life)
        actor = Actor(place=place, life=life, attempts=attempts, process=process, history=history, log=log)
        self._actors[place] = actor
        return actor

    async def _ready(self, actor: Actor) -> None:
        assert actor.process.stdout is not None, "it was started with a pipe"
        heard = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                heard = await actor.process.stdout.readline()
        if heard != READY:
            actor.process.kill()
            await actor.process.wait()

    def _judge(self, actor: Actor) -> None:
        if actor.finished() and actor.process.returncode != 0 and not actor.killed:
            actor.killed = True
            told = "\n".join(actor.log.read_text(errors="replace").splitlines()[-TOLD_LINES:])
            self._fail(f"process {actor.place} ended by itself with code {actor.process.returncode}:\n{told}")

    def _fail(self, story: str) -> None:
        self.failures.append(Violation(kind=ViolationKind.PROCESS_FAILED, story=story))


def _go(actor: Actor) -> None:
    if actor.process.stdin is not None and not actor.finished():
        actor.process.stdin.write(b"go\n")

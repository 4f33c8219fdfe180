"""Measure Seatgate beside its peers in one run: servers on the first core, the load on the second, rounds interleaved.

What counts is the server's CPU time per request, from /proc, as a ratio to the peers of the same run: absolute figures
say more about the machine. `--write` keeps the table in benchmarks/results.md.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import uvloop

from benchmarks import load, ours, peers, questions
from benchmarks.questions import Workload

HERE = Path(__file__).parent
CONNECTIONS = 16
WARMING_SECONDS = 0.5
TICKS = os.sysconf("SC_CLK_TCK")
MICROSECONDS = 1_000_000
LIBRARIES = ("strawberry-graphql", "graphql-core", "starlette", "uvicorn", "sqlalchemy", "aiosqlite", "uvloop")
# The least that is asked of each workload: of the raw hello's speed, and times the naive peer's.
TARGETS = {"entitlements": (0.25, 30), "addMember": (0.08, 12)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Tell the CPU time of the process with all its threads so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(slots=True, kw_only=True)
class Case:
    """One workload on one server, and what its rounds came to."""

    name: str
    server: Server
    workload: Workload
    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    async def measure(self, seconds: float) -> None:
        """Warm up, then measure one round."""
        await load.run(self.server.port, self.workload, connections=CONNECTIONS, seconds=WARMING_SECONDS)
        before = self.server.cpu_seconds()
        done = await load.run(self.server.port, self.workload, connections=CONNECTIONS, seconds=seconds)
        self.cpu.append((self.server.cpu_seconds() - before) / done.answers * MICROSECONDS)
        self.rate.append(done.answers / done.seconds)

    @property
    def microseconds(self) -> float:
        """The median CPU time of a request."""
        return statistics.median(self.cpu)


@contextlib.contextmanager
def serving(name: str, folder: Path) -> Iterator[Server]:
    """Run a server of that name."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "benchmarks.serve", name, str(folder), str(listening.fileno())]
        process = subprocess.Popen(command, pass_fds=[listening.fileno()], cwd=HERE.parent)
        server = Server(port=listening.getsockname()[1], process=process)
    try:
        yield server
    finally:
        process.terminate()
        process.wait()


async def wait_for(server: Server) -> None:
    """Wait until somebody accepts.

    Raises:
        SystemExit: the server has ended instead.
    """
    while server.process.poll() is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise SystemExit("a server did not start")


async def measure(cases: list[Case], *, rounds: int, seconds: float) -> None:
    """Measure all cases round by round, every other round backwards."""
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            await case.measure(seconds)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)


def table(cases: list[Case]) -> list[str]:
    """Write the medians, and each ratio to the raw hello and to the naive peer of the same workload."""
    lines = [
        "| workload | server | CPU µs a request | requests/s | of raw hello | times naive |",
        "|---|---|---|---|---|---|",
    ]
    found = {case.name: case.microseconds for case in cases}
    for case in cases:
        workload, _, server = case.name.partition(" ")
        of_raw, naive = found["hello raw"] / case.microseconds, found.get(f"{workload} naive")
        times = f"{naive / case.microseconds:.1f}" if naive else ""
        rate = statistics.median(case.rate)
        lines.append(f"| {workload} | {server} | {case.microseconds:.0f} | {rate:.0f} | {of_raw:.3f} | {times} |")
    return lines


def verdict(cases: list[Case]) -> list[str]:
    """Say for each workload whether the least that is asked of it is reached."""
    found = {case.name: case.microseconds for case in cases}
    lines = []
    for workload, (of_raw, times) in TARGETS.items():
        mine = found[f"{workload} ours"]
        has = found["hello raw"] / mine, found[f"{workload} naive"] / mine
        met = "reached" if has[0] >= of_raw and has[1] >= times else "not reached"
        lines.append(
            f"- {workload}: {has[0]:.3f} of raw hello (at least {of_raw} is wanted), "
            f"{has[1]:.1f} times naive (at least {times}): {met}"
        )
    return lines


async def run(folder: Path, tenants: list[questions.Tenant], *, rounds: int, seconds: float) -> list[Case]:
    """Start the servers and measure everything."""
    theirs = peers.tenants()
    with serving("raw", folder) as raw, serving("naive", folder) as naive, serving("ours", folder) as mine:
        for server in (raw, naive, mine):
            await wait_for(server)
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        cases = [
            Case(name="hello raw", server=raw, workload=questions.hello()),
            Case(name="entitlements naive", server=naive, workload=questions.reads(theirs)),
            Case(name="entitlements ours", server=mine, workload=questions.reads(tenants)),
            Case(name="addMember naive", server=naive, workload=questions.writes(theirs)),
            Case(name="addMember ours", server=mine, workload=questions.writes(tenants)),
        ]
        await measure(cases, rounds=rounds, seconds=seconds)
    return cases


def prepare(folder: Path) -> list[questions.Tenant]:
    """Make both databases."""
    print("filling the databases", file=sys.stderr)
    ours.migrate(folder)
    asyncio.run(peers.fill(folder / "naive.db"))
    return asyncio.run(ours.fill(folder))


def main() -> None:
    """Measure, print, and keep the results when asked to."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--write", action="store_true", help="keep the table in results.md")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tenants = prepare(folder)
        cases = uvloop.run(run(folder, tenants, rounds=chosen.rounds, seconds=chosen.seconds))
    lines = [*table(cases), "", *verdict(cases)]
    print("\n".join(lines))
    if chosen.write:
        versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        rounds = f"{chosen.rounds} rounds of {chosen.seconds:g} s, {CONNECTIONS} connections"
        keep(f"{datetime.now(UTC):%Y-%m-%d}, {rounds}; Python {platform.python_version()}, {versions}.", lines)


def keep(head: str, lines: list[str]) -> None:
    """Put the table into results.md, between what explains it and what was noted by hand."""
    place = HERE / "results.md"
    before, _, rest = place.read_text().partition("<!-- measured -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    place.write_text("\n".join([f"{before}<!-- measured -->", head, "", *lines, "<!-- end -->", after]))


if __name__ == "__main__":
    main()

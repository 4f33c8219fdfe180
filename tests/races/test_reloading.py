"""SIGHUP to a server of two real processes: both keep to one catalog, and never to a broken one."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from domain.clock import SystemClock
from domain.db import open_database
from domain.entitlements import Rollout, catalog
from tests.support.commands import START_SECONDS, await_ready, environ_of, process


def seats(number: int) -> str:
    return f"[plans.pro]\nlimits.seats = {number}\n"


def version(number: int) -> str:
    return catalog.parse({"a": seats(number)}).version


def versions(url: str) -> set[str]:
    """Ask often enough, on connections of their own, that both processes of the server have answered."""
    query = {"query": "{ serverInfo { catalogVersion } }"}
    answers = [httpx.post(f"{url}/graphql", json=query, timeout=30).json() for _ in range(12)]
    assert [answer["errors"] for answer in answers if "errors" in answer] == []
    return {answer["data"]["serverInfo"]["catalogVersion"] for answer in answers}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def another_process_brings(database_url: str, file: Path) -> None:
    database = open_database(database_url)
    await Rollout.of([file], database=database, clock=SystemClock()).start()
    await database.aclose()


def test_every_process_keeps_to_one_catalog(database_url: str, tmp_path: Path) -> None:
    environ = environ_of(database_url, WORKERS="2")
    url, file = f"http://127.0.0.1:{environ['SEATGATE_PORT']}", tmp_path / "catalog.toml"
    file.write_text(seats(1))
    with process("serve", "--no-worker", environ=environ, folder=tmp_path) as server:
        await_ready(url)
        assert versions(url) == {version(1)}

        file.write_text(seats(2))
        server.send_signal(signal.SIGHUP)
        until(lambda: versions(url) == {version(2)})

        file.write_text("[plans.pro]\nlimits.seats = 0\nprices = []\n")
        server.send_signal(signal.SIGHUP)
        told = tmp_path / "serve.log"
        until(lambda: told.read_text().count("plans.pro.limits.seats: must be a whole number") == 2)
        assert told.read_text().count("plans.pro.prices: unknown key") == 2
        assert versions(url) == {version(2)}

        file.write_text(seats(3))
        asyncio.run(another_process_brings(database_url, file))
        until(lambda: versions(url) == {version(3)})

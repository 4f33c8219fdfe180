"""A server without a worker, and `seatgate worker` beside it: real processes on one database."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from domain.billing.processors.signatures import sign
from domain.db import open_database
from tests.domain.billing.processors import stripe_json
from tests.support.api import WEBHOOK_SECRET
from tests.support.servers import REPOSITORY, START_SECONDS, STOP_SECONDS, STOPPED
from tests.support.tables import execute, scalar

DUE = "UPDATE webhook_events SET status = 'failed', next_attempt_at = received_at"


@contextmanager
def process(*command: str, environ: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command line until the block ends, and insist that it ends well when asked to."""
    with (folder / f"{command[0]}.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "graphql_api.cli", *command], env=environ, cwd=folder, stdout=log, stderr=log
        )
        try:
            yield running
            running.terminate()
            code = running.wait(STOP_SECONDS)
        finally:
            running.kill()
    told = (folder / f"{command[0]}.log").read_text()
    assert (code in STOPPED, "Traceback" in told) == (True, False), told


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def await_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=5).status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise AssertionError("no server came up")


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "catalog.toml").write_text('seat_limit = "seats"\n[default]\nlimits = { seats = 1 }\n')
    given = {
        "DATABASE_URL": database_url,
        "FAKE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "SECRET_KEYS": "a-secret-for-tests-that-signs-every-cursor",
        "JWT_SECRETS": "a-secret-for-tests-that-signs-every-token",
        "PORT": str(free_port()),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEATGATE_")}
    return kept | {f"SEATGATE_{name}": value for name, value in given.items()} | {"PYTHONPATH": str(REPOSITORY)}


async def test_what_a_server_leaves_the_worker_apart_carries_out(
    environ: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    database = open_database(database_url)
    body = stripe_json.body(created=int(datetime.now(UTC).timestamp()), type="charge.refunded")
    url = f"http://127.0.0.1:{environ['SEATGATE_PORT']}"
    with process("serve", "--no-worker", environ=environ, folder=tmp_path):
        await_ready(url)
        headers = {"stripe-signature": sign(body, WEBHOOK_SECRET, datetime.now(UTC))}
        async with httpx.AsyncClient() as client:
            posted = await client.post(f"{url}/webhooks/fake", content=body, headers=headers)
        assert posted.status_code == httpx.codes.OK
        await execute(database, DUE)
        await asyncio.sleep(3)
        assert await scalar(database, "SELECT status FROM webhook_events") == "failed"

        with process("worker", environ=environ, folder=tmp_path):
            deadline = time.monotonic() + START_SECONDS
            while await scalar(database, "SELECT status FROM webhook_events") == "failed":
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
    assert await scalar(database, "SELECT status FROM webhook_events") == "ignored"
    await database.aclose()


@pytest.mark.parametrize("factory", ["nowhere:app", "graphql_api.cli:nothing", "graphql_api.cli", "os:getcwd"])
def test_a_worker_of_no_application_is_wrong_use(environ: dict[str, str], tmp_path: Path, factory: str) -> None:
    command = [sys.executable, "-m", "graphql_api.cli", "worker", "--app", factory]

    ended = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "--app" in ended.stderr

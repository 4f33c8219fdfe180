"""A server without a worker, and `seatgate worker` beside it: real processes on one database."""

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from domain.billing.processors.signatures import sign
from domain.db import open_database
from tests.domain.billing.processors import stripe_json
from tests.support.api import WEBHOOK_SECRET
from tests.support.commands import START_SECONDS, await_ready, environ_of, process
from tests.support.tables import execute, scalar

DUE = "UPDATE webhook_events SET status = 'failed', next_attempt_at = received_at"


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "catalog.toml").write_text('seat_limit = "seats"\n[default]\nlimits = { seats = 1 }\n')
    return environ_of(database_url)


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

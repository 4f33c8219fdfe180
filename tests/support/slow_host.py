"""A host in a process of its own, served as `seatgate serve` does, that makes organizations when a test says so."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.applications import Starlette

from domain import settings
from domain.organizations import OrganizationCallbacks
from graphql_api.app import create_app
from graphql_api.cli import serving
from tests.support.api import CATALOG
from tests.support.commands import START_SECONDS, environ_of
from tests.support.servers import STOP_SECONDS

ENTERED, GO, DRAIN = "entered", "go", "DRAIN_SECONDS_OF_A_TEST"
CREATE = 'mutation { createOrganization(input: { name: "Acme" }) { organization { name } errors { __typename } } }'


class Slowly(OrganizationCallbacks):
    """Says that it has been entered, and goes on when it may."""

    async def before_create_organization(self, **_: Any) -> None:
        _here(ENTERED).touch()
        while not _here(GO).exists():  # noqa: ASYNC110 - another process says when
            await asyncio.sleep(0.02)


def _here(name: str) -> Path:
    return Path(name)


def make() -> Starlette:
    app = create_app(settings.read(os.environ, folder=Path.cwd()), callbacks=[Slowly()], worker=False)
    app.state.drain._seconds = float(os.environ.get(DRAIN, app.state.drain._seconds))
    return app


class SlowHost:
    """The process, and what a test says to it."""

    def __init__(self, database_url: str, folder: Path, *, drain_seconds: float = 60) -> None:
        self._folder = folder
        (folder / "catalog.toml").write_text(CATALOG)
        self._environ = environ_of(database_url, CALLBACK_SECONDS="60") | {DRAIN: str(drain_seconds)}
        self._url = f"http://127.0.0.1:{self._environ['SEATGATE_PORT']}"
        self._secret = self._environ["SEATGATE_JWT_SECRETS"]
        self.log = ""

    async def __aenter__(self) -> Self:
        self._output = (self._folder / "host.log").open("wb")
        self._process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-m", "tests.support.slow_host"],
            env=self._environ,
            cwd=self._folder,
            stdout=self._output,
            stderr=self._output,
        )
        await self._until(httpx.codes.OK)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()
        self.log = (self._folder / "host.log").read_text()

    async def create_organization(self) -> httpx.Response:
        claims = {"sub": "ann", "exp": int((datetime.now(UTC) + timedelta(hours=1)).timestamp())}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(self._secret))
        headers = {"authorization": f"Bearer {token}", "accept": "application/graphql-response+json"}
        async with httpx.AsyncClient(timeout=START_SECONDS) as client:
            return await client.post(f"{self._url}/graphql", json={"query": CREATE}, headers=headers)

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(timeout=START_SECONDS) as client:
            return await client.get(f"{self._url}{path}")

    async def entered(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while not (self._folder / ENTERED).exists():  # noqa: ASYNC110 - another process says so
                await asyncio.sleep(0.02)

    async def unready(self) -> None:
        await self._until(httpx.codes.SERVICE_UNAVAILABLE)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    def go_on(self) -> None:
        (self._folder / GO).touch()

    async def ended(self) -> int:
        return await asyncio.to_thread(self._process.wait, STOP_SECONDS * 2)

    async def _until(self, status: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if (await self.get("/readyz")).status_code == status:
                    return
            await asyncio.sleep(0.05)
        raise AssertionError((self._folder / "host.log").read_text())


if __name__ == "__main__":
    serving.serve(settings.read(os.environ, folder=Path.cwd()), "tests.support.slow_host:make")

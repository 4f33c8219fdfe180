"""The demo in a server process of its own, as `make run` starts it, and the tokens that it prints."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv/bin/seatgate"
START_SECONDS = 120
STOP_SECONDS = 30
SECRET = "a secret of the tests that is long enough to sign with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Where the server listens, and its people's tokens by their role."""

    url: str
    tokens: dict[str, str]

    def ask(self, document: str, who: str = "administrator", /, **variables: object) -> Any:
        """Ask beside the browser, as somebody of the demo; an error fails the test."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": document, "variables": variables}).encode(),
            {"content-type": "application/json", "authorization": f"Bearer {self.tokens.get(who, who)}"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def organization(self, slug: str = "acme") -> Any:
        found = self.ask("query ($slug: String) { organization(slug: $slug) { id customer { id } } }", slug=slug)
        return found["organization"]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Demo]:
    """Run the demo until the block ends; it must stop when asked, and have written no traceback."""
    shutil.copy(ROOT / "catalog.toml", folder)
    port, printed = _free_port(), folder / "demo.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEATGATE_")}
    environ = kept | {"SEATGATE_PORT": str(port), "SEATGATE_JWT_SECRETS": SECRET}
    with printed.open("wb") as log:
        process = subprocess.Popen([COMMAND, "demo"], cwd=folder, env=environ, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}", printed)
            tokens = re.findall(r"^  (administrator|owner|member) +(\S+)$", printed.read_text(), flags=re.MULTILINE)
            yield Demo(url=f"http://127.0.0.1:{port}", tokens=dict(tokens))
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()
    assert "Traceback" not in printed.read_text(), printed.read_text()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, printed: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError(f"the demo did not start:\n{printed.read_text()}")

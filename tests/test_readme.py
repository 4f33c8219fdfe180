"""The README's tour, run as written: every command in order, every answer compared."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STEP = re.compile(r"^```sh\n(?P<command>.*?)\n```(?:\n```json\n(?P<answer>.*?)\n```)?", re.MULTILINE | re.DOTALL)
START_SECONDS = 90
SHARED = (".venv", "graphql_api/static")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project as git has it, around the environment and the explorer that are built already."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    for name in SHARED:
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def environment() -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEATGATE_", "COV_", "MAKE"))}
    return kept | {"SEATGATE_PORT": str(port)}


@pytest.fixture
def steps(folder: Path, environment: dict[str, str]) -> Iterator[list[tuple[str, str | None]]]:
    first, *rest = [(step["command"], step["answer"]) for step in STEP.finditer((ROOT / "README.md").read_text())]
    assert first[0] == "make run"
    serving = subprocess.Popen(
        ["make", "run"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until_ready(serving, environment["SEATGATE_PORT"])
        yield rest
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.communicate(timeout=20)


def wait_until_ready(serving: subprocess.Popen[bytes], port: str) -> None:
    for _ in range(START_SECONDS * 5):
        assert serving.poll() is None, serving.communicate()[0].decode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the demo did not start")


@pytest.mark.timeout(240)
def test_every_command_of_the_tour_answers_as_written(
    steps: list[tuple[str, str | None]], folder: Path, environment: dict[str, str]
) -> None:
    assert len(steps) >= 6
    for command, answer in steps:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

        refused = answer is not None and "FORBIDDEN" in answer
        assert done.returncode == (1 if refused else 0), done.stderr
        assert answer is None or json.loads(done.stdout) == json.loads(answer)

"""`python -m tests.proofs seats OPTIONS`: `seatgate prove seats` on SQLite, then on a PostgreSQL of its own.

All options are the command's. The server comes from the developer's wheel and keeps its defaults, fsync among them.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support import databases

SEATGATE = Path(sys.executable).with_name("seatgate")
# Each of up to 64 processes has up to 15 connections.
SWITCHES = "-c max_connections=1000"


def prove(url: str, options: Sequence[str]) -> int:
    """Run the command and give its exit code."""
    return subprocess.run([SEATGATE, "prove", "seats", "--database-url", url, *options], check=False).returncode


def main(options: Sequence[str]) -> int:
    """Prove on both engines, even if the first proof fails; give the worse of the two exit codes."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        sqlite = prove(f"sqlite+aiosqlite:///{folder}/seatgate.db", options)
    with databases.postgresql(switches=SWITCHES) as server:
        postgresql = prove(server.fresh(Path.cwd(), empty=True), options)
    return max(sqlite, postgresql)

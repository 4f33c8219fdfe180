"""Every root field before a fuzzer that is not ours: `python -m tests.protocol.fuzzed EXAMPLES`.

schemathesis makes documents for each out of the introspected schema, as an administrator, and fails on a server's error
or a slow answer. It comes from a lock of its own, installed by `make test-fuzz`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from domain.db import migrating
from tests.support import arenas, callers, servers

HERE = Path(__file__).parent
SCHEMATHESIS = HERE.parents[1] / ".venv-fuzz/bin/schemathesis"
SLOWEST_SECONDS = "10"
"""On a busy machine; what an answer may cost in computing is judged by our own fuzz."""


def main() -> None:
    """Play, and exit with the fuzzer's code, or 1 where the server told of a fault."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{folder / 'fuzzed.db'}"
        migrating.upgrade(url)
        environ = callers.environ(url, catalog=arenas.CATALOG, folder=folder)
        with servers.running(1, environ=environ, folder=folder) as (server,):
            token = callers.token("judge", scope="seatgate:admin")
            done = subprocess.run(
                [str(SCHEMATHESIS), "run", f"{server.url}/graphql", *options(token, sys.argv[1])],
                env={**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "scalars.py")},
                cwd=folder,
                check=False,
            )
    sys.exit(done.returncode)


def options(token: str, examples: str) -> list[str]:
    """Say how it is played."""
    return [
        "--header",
        f"Authorization: Bearer {token}",
        "--checks",
        "not_a_server_error",
        "--max-response-time",
        SLOWEST_SECONDS,
        "--phases",
        "fuzzing",
        "--max-examples",
        examples,
        "--seed",
        "1",
        "--no-color",
        "--warnings",
        "off",
        "--suppress-health-check",
        "all",
    ]


if __name__ == "__main__":
    main()

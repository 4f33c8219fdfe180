"""GraphQL over HTTP before a judge that is not ours: `python -m tests.protocol.audited` runs graphql-http's audits.

The server is a real one, in a process of its own; the judge is a package of npm, installed by `make test-protocol`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from domain.db import migrating
from tests.support import arenas, callers, servers

HERE = Path(__file__).parent


def main() -> None:
    """Run every audit, and exit with 1 unless all 61 have passed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{folder / 'audited.db'}"
        migrating.upgrade(url)
        environ = callers.environ(url, catalog=arenas.CATALOG, folder=folder)
        with servers.running(1, environ=environ, folder=folder) as (server,):
            node = Path(sys.executable).with_name("node")
            asked = [str(node), str(HERE / "audits.mjs"), f"{server.url}/graphql", callers.token("judge")]
            done = subprocess.run(asked, check=False, timeout=120)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

"""The files of a test run live in memory where the machine has room for them.

Each test has a database of its own, which is some hundred files on PostgreSQL, and on many disks making those costs
more processor time than the test itself. Nothing is lost with the disk: tests kill processes, never machines.
"""

import os
import shutil
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 2 * 1024**3


def keep_files_in_memory() -> None:
    """Let `tempfile`, pytest and every process that is started from here put their files into shared memory.

    Whoever says by TMPDIR where they belong is obeyed; where there is no room, they stay on the disk.
    """
    if "TMPDIR" not in os.environ and os.access(SHARED_MEMORY, os.W_OK) and _free() >= ENOUGH_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(SHARED_MEMORY)


def _free() -> int:
    return shutil.disk_usage(SHARED_MEMORY).free

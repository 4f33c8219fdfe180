"""The files of a test run live in memory where the machine has room for them.

Each test has a database of its own, which is some hundred files on PostgreSQL, and on many a disk making those costs
more of the processor than the test itself. Nothing is lost with the disk: tests kill processes, never machines.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 2 * 1024**3


def keep_files_in_memory() -> None:
    """Let `tempfile`, pytest and every process that is started from here put their files into shared memory."""
    if is_chosen(SHARED_MEMORY, told=os.environ.get("TMPDIR")):
        os.environ["TMPDIR"] = tempfile.tempdir = str(SHARED_MEMORY)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def is_chosen(folder: Path, *, told: str | None, free: Callable[[Path], int] = _free) -> bool:
    """Say whether files belong into a folder: nobody has told another, it can be written to and it has the room."""
    return told is None and os.access(folder, os.W_OK) and free(folder) >= ENOUGH_BYTES

"""How `seatgate serve` begins: what stays for good is left out of every later collection."""

import subprocess
import sys

SETTLED = """
import gc
from graphql_api.cli.serving import settled
before = gc.get_freeze_count()
kept = settled([object()])
print(before, gc.get_freeze_count() > 10_000, len(kept))
"""


def test_what_lives_as_long_as_the_process_is_collected_no_more() -> None:
    # In a process of its own: what is frozen stays so.
    told = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["0", "True", "1"]

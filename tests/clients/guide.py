"""The code of docs/clients.md: every block that begins with the name of its file, laid out as a reader would."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "clients"
TEXT = (ROOT / "docs" / "clients.md").read_text()
NAMED = re.compile(r"^```\w+\n(?://|#) (?P<name>[\w.]+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
FILES = {block["name"]: block["code"] for block in NAMED.finditer(TEXT)}
[PRINTED] = re.findall(r"^```text\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def lay_out(folder: Path, *names: str) -> Path:
    """Write blocks of the guide, and files of this room where it has none of that name, into a folder of their own.

    The schema and the installed packages stand beside them.
    """
    folder.mkdir()
    for name in names:
        (folder / name).write_text(FILES[name] if name in FILES else (HERE / name).read_text())
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    shutil.copy(ROOT / "schema.graphql", folder)
    return folder

"""docs/security.md names tests; each of them is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = sorted(
    set(
        re.findall(
            r"`((?:graphql_api|domain|races)/[\w/]*(?:\.py(?:::\w+)?)?)`", (ROOT / "docs/security.md").read_text()
        )
    )
)


def names_in(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
    }


@pytest.mark.parametrize("named", NAMED)
def test_every_proof_that_is_named_is_there(named: str) -> None:
    place, _, name = named.partition("::")
    path = ROOT / "tests" / place

    assert path.exists()
    assert path.is_dir() or any(each.startswith("test_") for each in names_in(path))
    assert not name or name in names_in(path)


def test_every_row_names_a_proof() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if line.startswith("| ")]
    bare = [row for row in rows if not row.startswith(("| attack", "|---")) and "`" not in row.rpartition(" | ")[2]]

    assert bare == []

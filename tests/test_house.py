"""The house rules that no other tool checks."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for room in ("domain", "graphql_api", "migrations") for path in (ROOT / room).rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring: a promise may be as long as it needs to be."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_300_lines_and_no_function_longer_than_40(path: Path) -> None:
    migration = "migrations/versions" in path.as_posix()

    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert migration or {node.name: length(node) for node in functions(path) if length(node) > LONGEST_FUNCTION} == {}


def test_only_one_place_catches_every_exception() -> None:
    catching = [path.relative_to(ROOT).as_posix() for path in SOURCES if "except Exception" in path.read_text()]

    assert catching == ["domain/errors.py"]


def test_only_lifecycle_decides_by_the_status_of_a_state() -> None:
    deciding = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Attribute)
        and node.left.attr == "status"
        and "state" in ast.unparse(node.left.value)
    ]

    assert set(deciding) <= {"domain/billing/lifecycle.py"}


def test_only_the_database_room_commits() -> None:
    committing = [path.relative_to(ROOT).as_posix() for path in SOURCES if ".commit(" in path.read_text()]

    assert committing == ["domain/db/engine.py"]

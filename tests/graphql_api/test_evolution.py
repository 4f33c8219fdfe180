"""How the schema may change: additions freely, removals after their day, all else only where it is written down."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphql_api.cli import app
from graphql_api.evolution import Breaking, breaking_changes, fingerprint, unplanned_deprecations
from graphql_api.schema import build_schema, print_schema
from tests.support.api import Api

ROOT = Path(__file__).parents[2]
RELEASED = (ROOT / "tests/vectors/schema-released.graphql").read_text()
TODAY = date(2027, 6, 2)
GATES = """
directive @requireFeature(feature: String!) repeatable on FIELD_DEFINITION
directive @requireScope(scope: Word!) on FIELD_DEFINITION
directive @cost(weight: Int!) on FIELD_DEFINITION
"""
OLD = f"""{GATES}
type Query {{
  kept(size: Int, old: Int @deprecated(reason: "Use size. Removed after 2027-06-01.")): Word
  going: Int @deprecated(reason: "Use kept. Removed after 2027-06-01.")
  later: Int @deprecated(reason: "Use kept. Removed after 2027-06-02.")
  some: Int @deprecated(reason: "Use kept.")
  guarded: Int @requireFeature(feature: "reports") @cost(weight: 5)
  open: Int
}}
enum Word {{ ONE TWO @deprecated(reason: "Use ONE. Removed after 2020-01-01.") THREE }}
input Asked {{ left: Int @deprecated(reason: "Use right. Removed after 2027-01-31.") right: Int }}
type Answer {{ asked(by: Asked): Int }}
"""


def changed(*replacements: tuple[str, str]) -> list[Breaking]:
    new = OLD
    for old, becomes in replacements:
        assert old in new
        new = re.sub(r"^.*?$", lambda line: line[0].replace(old, becomes), new, flags=re.MULTILINE)  # noqa: B023 - used at once
    return breaking_changes(OLD, new, today=TODAY)


def line(start: str) -> str:
    return next(each for each in OLD.splitlines() if each.strip().startswith(start))


@pytest.mark.parametrize(
    ("gone", "instead", "description", "announced"),
    [
        (line("going"), "", "Field Query.going was removed.", True),
        (line("later"), "", "Field Query.later was removed.", False),
        (line("some"), "", "Field Query.some was removed.", False),
        (line("open"), "", "Field Query.open was removed.", False),
        (
            ', old: Int @deprecated(reason: "Use size. Removed after 2027-06-01.")',
            "",
            "Argument Query.kept(old:) was removed.",
            True,
        ),
        ("size: Int, ", "", "Argument Query.kept(size:) was removed.", False),
        (
            ' TWO @deprecated(reason: "Use ONE. Removed after 2020-01-01.")',
            "",
            "Enum value Word.TWO was removed.",
            True,
        ),
        (" THREE", "", "Enum value Word.THREE was removed.", False),
        (
            'left: Int @deprecated(reason: "Use right. Removed after 2027-01-31.") ',
            "",
            "Field Asked.left was removed.",
            True,
        ),
        ("going: Int", "going: String", "Field Query.going changed type from Int to String.", False),
        ("size: Int", "size: Int!", "Argument Query.kept(size:) has changed type from Int to Int!.", False),
        (
            ' @requireFeature(feature: "reports")',
            "",
            'Field Query.guarded changed its gates from [@requireFeature(feature: "reports")] to [].',
            False,
        ),
        (
            '"reports"',
            '"api"',
            (
                'Field Query.guarded changed its gates from [@requireFeature(feature: "reports")] to '
                '[@requireFeature(feature: "api")].'
            ),
            False,
        ),
        (
            "open: Int",
            "open: Int @requireScope(scope: ONE)",
            "Field Query.open changed its gates from [] to [@requireScope(scope: ONE)].",
            False,
        ),
    ],
)
def test_what_breaks_is_named_and_only_a_removal_after_its_day_was_announced(
    gone: str, instead: str, description: str, announced: bool
) -> None:
    assert changed((gone, instead)) == [Breaking(description, announced)]


@pytest.mark.parametrize(
    "change",
    [
        ("open: Int", "open: Int more: Int"),
        ("open: Int", "open(size: Int): Int!"),
        ("open: Int", 'open: Int @deprecated(reason: "Use kept. Removed after 2030-01-01.")'),
        (" @cost(weight: 5)", ""),
        ("ONE", "ONE FOUR"),
    ],
)
def test_what_no_client_notices_breaks_nothing(change: tuple[str, str]) -> None:
    assert changed(change) == []


def test_a_deprecation_without_a_plan_is_named() -> None:
    assert unplanned_deprecations(OLD) == ["Field Query.some"]
    assert unplanned_deprecations(print_schema()) == []


def test_since_the_last_release_nothing_broke_that_was_not_announced_or_written_down() -> None:
    written = re.findall(r"^- `(.+)`:", (ROOT / "docs/breaking-changes.md").read_text(), flags=re.MULTILINE)
    changes = breaking_changes(RELEASED, print_schema(), today=datetime.now(UTC).date())

    assert [change.description for change in changes if not change.announced] == sorted(written)


def test_a_fingerprint_tells_schemas_apart_and_not_the_order_they_are_printed_in() -> None:
    unsorted, other = build_schema().as_str(), print_schema().replace("ONE", "TWO").replace("Int!", "Int", 1)

    assert unsorted != print_schema()
    assert fingerprint(unsorted) == fingerprint(print_schema())
    assert fingerprint(other) != fingerprint(print_schema())


async def test_the_server_tells_the_fingerprint_of_its_schema(api: Api) -> None:
    told = (await api.ask("{ serverInfo { schemaHash } }", None)).data["serverInfo"]

    assert told == {"schemaHash": fingerprint((ROOT / "schema.graphql").read_text())}


def diff(folder: Path, *texts: str, **options: str) -> tuple[int, str]:
    paths = []
    for number, text in enumerate(texts):
        paths.append(str(folder / f"{number}.graphql"))
        Path(paths[-1]).write_text(text)
    done = CliRunner().invoke(app, ["schema", "diff", *paths, *options.values()])
    return done.exit_code, done.output


def test_the_command_leaves_with_1_where_clients_break(tmp_path: Path) -> None:
    same = diff(tmp_path, OLD, OLD)
    broken = diff(tmp_path, OLD, OLD.replace("  open: Int\n", ""))
    listed = diff(tmp_path, OLD, OLD.replace("  open: Int\n", ""), json="--json")
    nonsense = diff(tmp_path, OLD, "type {")

    assert same == (0, "Nothing breaks.\n")
    assert broken == (1, "breaking  Field Query.open was removed.\n1 changes break clients.\n")
    assert '"description": "Field Query.open was removed."' in listed[1]
    assert nonsense[0] == 2
    assert diff(tmp_path, print_schema()) == (0, "Nothing breaks.\n")

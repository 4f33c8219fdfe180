"""The guide names every root field, with the scope that a key needs in the table that everybody is held to."""

import re
from pathlib import Path

import pytest

from domain.scope import ApiScope
from tests.graphql_api.rights.table import PUBLIC, ROWS

GUIDE = (Path(__file__).parents[1] / "docs/rights.md").read_text()
LINES = [
    (re.findall(r"`(\w+)", may), who, re.findall(r"`([\w:]+)`", needs))
    for may, who, needs in re.findall(r"^\| (.*?) \| (.*?) \| ?(.*?) ?\|$", GUIDE, flags=re.MULTILINE)
]


@pytest.mark.parametrize("name", [name for name in ROWS if "." not in name and not name.startswith("node")])
def test_every_root_field_is_in_the_guide_with_the_scope_that_a_key_needs(name: str) -> None:
    field, row = re.split(r"[ ,(]", name)[0], ROWS[name]
    told = [needs for fields, _, needs in LINES if field in fields]

    assert told, field
    if row.scope is not None:
        assert [row.scope] in told
    else:
        assert [] in told


def test_the_guide_names_every_scope_and_no_other() -> None:
    assert {scope for fields, _, needs in LINES if fields for scope in needs} == set(ApiScope)


def test_the_guide_says_what_is_public() -> None:
    assert [set(fields) for fields, who, _ in LINES if "without a credential" in who] == [PUBLIC]

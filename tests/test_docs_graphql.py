"""The numbers of the page on the API are the code's, and its example costs what it says."""

import json
import re
from pathlib import Path

from graphql_api import limits
from graphql_api.limits import buckets, measuring, preparing
from tests.support.api import serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.test_docs import DOCS, blocks

PAGE = (DOCS / "graphql.md").read_text()


def told(heading: str) -> list[int]:
    """List the numbers in the last column of a table."""
    rows = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [int(number) for number in re.findall(r"\| (\d+) \|$", rows, flags=re.MULTILINE)]


def test_the_limits_of_the_page_are_the_codes() -> None:
    assert told("of a document | at most") == [
        preparing.MAX_TOKENS,
        measuring.MAX_DEPTH,
        measuring.MAX_ALIASES,
        measuring.MAX_ROOT_FIELDS,
        measuring.MAX_MUTATION_FIELDS,
        measuring.MAX_FRAGMENTS,
        measuring.MAX_REPEATS,
        measuring.MAX_FIELDS,
        measuring.MAX_DIRECTIVES,
        measuring.MAX_WRITTEN,
        limits.MAX_VARIABLE_VALUES,
    ]
    assert told("of an operation | at most") == [limits.MAX_POINTS, limits.MAX_NODES, limits.MAX_VALUES]
    assert told("who | points in a minute") == [
        buckets.CREDENTIAL_POINTS,
        buckets.HOST_POINTS,
        buckets.ADDRESS_POINTS,
    ]
    assert f"a wrong credential {buckets.GUESS_POINTS} of its address" in PAGE
    assert f"A query is given {limits.QUERY_SECONDS:g} seconds and a mutation {limits.MUTATION_SECONDS:g}" in PAGE


async def test_the_example_of_the_page_costs_what_it_says(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    [document] = blocks("graphql.md", "graphql")
    [cost] = [json.loads(text) for text in blocks("graphql.md", "json")]
    [told] = re.findall(r"costs (\d+) points, and its pages hold at most (\d+) nodes", PAGE)
    priced, counted = map(int, told)

    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api:
        wet = await api.ask(document.replace("true", "false"), most=10)
        dry = await api.ask(document, most=10)

    assert dry.data == {"organizations": None, "rateLimit": {"cost": priced, "nodeCount": counted}}
    assert wet.data["organizations"] == {"nodes": []}
    assert wet.cost == cost

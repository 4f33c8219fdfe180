"""Which documents are too dear, how fast they are refused, and that good ones are prepared once."""

from contextlib import suppress

import pytest
from graphql import get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.limits import Measures, TooComplex, measure, preparing
from tests.graphql_api.toy import ask, codes, schema

FULL_INTROSPECTION = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
)


def nested(depth: int, name: str = "item") -> str:
    """Nest fields so that the deepest stands at `depth`."""
    return "{ " + f"{name} {{ " * (depth - 1) + "name" + " }" * depth


def doubling(count: int) -> str:
    """Chain fragments of which each spreads the next one twice."""
    links = " ".join(f"fragment F{i} on Item {{ item {{ ...F{i + 1} ...F{i + 1} }} }}" for i in range(count - 1))
    return f"{{ item {{ ...F0 }} }} {links} fragment F{count - 1} on Item {{ name }}"


def flat_doubling(count: int) -> str:
    links = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} }}" for i in range(count - 1))
    return f"{{ ...F0 }} {links} fragment F{count - 1} on Query {{ name }}"


def chain(count: int) -> str:
    """Chain fragments of which each spreads the next one once."""
    links = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} }}" for i in range(count - 1))
    return f"{links} fragment F{count - 1} on Query {{ name }}"


def pairs(depth: int) -> str:
    """Nest pairs of the same field, which merge into one and must be compared with each other."""
    inner = "name"
    for _ in range(depth):
        inner = f"item {{ {inner} }} item {{ {inner} }}"
    return f"{{ {inner} }}"


TOO_COMPLEX = {
    "tokens": "{" + " a" * 2000 + " }",
    "many tokens": "{" + " a" * 100_000 + " }",
    "comments": "#\n" * 2001 + "{ name }",
    "depth": nested(13),
    "depth through fragments": "{ item { ...A } } fragment A on Item " + nested(12),
    "parser depth": nested(400),
    "lists without end": "{ echo(text: " + "[" * 300 + "]" * 300 + ") }",
    "inline fragments within each other": "{ ..." * 150 + "{ name }" + "}" * 150,
    "aliases": "{ item { " + " ".join(f"a{i}: name" for i in range(31)) + " } }",
    "aliases through a fragment": "{ a: item { ...A } b: item { ...A } } fragment A on Item { "
    + " ".join(f"a{i}: name" for i in range(15))
    + " }",
    "root fields": "{ " + " ".join(f"a{i}: name" for i in range(11)) + " }",
    "root fields through a fragment": "{ ...A ... { a: name } } fragment A on Query { "
    + " ".join(f"a{i}: name" for i in range(10))
    + " }",
    "mutations": "mutation { " + " ".join(f"a{i}: touch" for i in range(6)) + " }",
    "mutations of a second operation": "query A { name } mutation B { "
    + " ".join(f"a{i}: touch" for i in range(6))
    + " }",
    "fragments": "{ name } " + " ".join(f"fragment F{i} on Query {{ name }}" for i in range(31)),
    "fragments of one name": "{ ...F } " + "fragment F on Query { name } " * 31,
    "repeats": "{ item { name name name name name } }",
    "repeats through fragments": "{ item { name ...A ... { name } ... on Item { name name } } } "
    "fragment A on Item { name }",
    "repeats of aliases": "{ item { " + "a: name " * 5 + "} }",
    "repeats of objects": "{ " + "item { name } " * 300 + "}",
    "selected fields": "{ "
    + " ".join(f"item {{ {' '.join(f'f{i}x{j}' for j in range(80))} }}" for i in range(4))
    + " }",
    "directives": "{ name " + "@skip(if: false) " * 51 + "}",
    "directives of fragments": "{ ...F } fragment F on Query " + "@x " * 51 + "{ name }",
    "directives of operations": "query " + "@x " * 51 + "{ name }",
    "directives of variables": "query($a: Int " + "@x " * 51 + ") { name }",
    "overlap": pairs(9),
    **{f"{count} doubling fragments": doubling(count) for count in (10, 14, 18, 20, 30, 100, 400)},
    **{f"{count} flat doubling fragments": flat_doubling(count) for count in (10, 18, 30, 400)},
    "aliased operations": " ".join(f"query Q{i} {{ a: name }}" for i in range(31)),
}

INVALID = {
    "a cycle": "{ ...A } fragment A on Query { ...A }",
    "a long cycle": "{ ...F0 } " + " ".join(f"fragment F{i} on Query {{ ...F{(i + 1) % 30} }}" for i in range(30)),
    "a cycle spread often": "{ " + "...A " * 900 + "} fragment A on Query { ...A }",
    "a cycle that doubles": "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A name }",
    "missing fragments": "{ " + " ".join(f"...F{i}" for i in range(900)) + " }",
    "unknown fields": "{ item { " + " ".join(f"f{i}" for i in range(290)) + " } }",
    "inline fragments side by side": "{ item { " + " ".join(f"... {{ f{i} }}" for i in range(290)) + " } }",
    "arguments": "{ echo(" + " ".join(f"a{i}: 1" for i in range(600)) + ") }",
    "variables": "query(" + " ".join(f"$a{i}: Int" for i in range(450)) + ") { name }",
    "lists within lists": "{ echo(text: " + "[" * 120 + "]" * 120 + ") }",
    "objects within objects": "{ echo(text: " + "{a:" * 120 + "1" + "}" * 120 + ") }",
    "types": "{ name } " + "type A { a: Int } " * 200,
    "deep introspection": "{ __schema { types { fields { type { fields { type { fields { type { fields { name "
    + "} " * 10,
}


# Without the limits some of these take minutes; the time limit is far from both.
@pytest.mark.timeout(20)
@pytest.mark.parametrize("document", TOO_COMPLEX.values(), ids=TOO_COMPLEX.keys())
async def test_a_document_over_a_limit_is_refused_before_it_grows(document: str) -> None:
    response = await ask(document)

    assert (response.status_code, codes(response)) == (400, ["QUERY_TOO_COMPLEX"])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("document", INVALID.values(), ids=INVALID.keys())
async def test_a_document_that_abuses_validation_is_refused_before_it_grows(document: str) -> None:
    response = await ask(document)

    assert response.status_code == 400
    assert set(codes(response)) == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "document",
    [
        nested(12),
        "{ item { name name name name } }",
        "{ " + " ".join(f"a{i}: name" for i in range(10)) + " }",
        "mutation { " + " ".join(f"a{i}: touch" for i in range(5)) + " }",
        "{ item { " + " ".join(f"a{i}: name" for i in range(30)) + " } }",
        f"{{ {'...F0 ' * 4} }} {chain(30)}",
        "{ " + " ".join(f"...{{ item {{ {' '.join(['name'] * 4)} }} }}" for _ in range(4)) + " }",
        FULL_INTROSPECTION,
    ],
)
async def test_a_document_at_the_limit_runs(document: str) -> None:
    response = await ask(document)

    assert response.status_code == 200
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    "document",
    [
        FULL_INTROSPECTION,
        '{ __type(name: "Item") { name } }',
        "{ ...A } fragment A on Query { __schema { description } }",
    ],
)
async def test_introspection_needs_a_credential(document: str) -> None:
    anonymous, known = await ask(document, signed=False), await ask(document)

    assert codes(anonymous) == ["GRAPHQL_VALIDATION_FAILED"]
    assert known.status_code == 200


async def test_everybody_may_ask_for_type_names() -> None:
    response = await ask("{ __typename item { __typename } }", signed=False)

    assert response.json() == {"data": {"__typename": "Query", "item": {"__typename": "Item"}}}


@pytest.mark.parametrize("literal", [r'"a\u0000b"', r'"\u{0}"'])
async def test_a_nul_in_a_literal_is_refused(literal: str) -> None:
    response = await ask(f"{{ echo(text: {literal}) }}")

    assert codes(response) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("literal", [r'"\ud800"', r'"\u{d800}"'])
async def test_half_a_character_in_a_literal_is_refused(literal: str) -> None:
    assert codes(await ask(f"{{ echo(text: {literal}) }}")) == ["GRAPHQL_PARSE_FAILED"]


async def test_a_good_document_is_prepared_once_and_a_bad_one_never_kept() -> None:
    preparing.kept.clear()
    toy = schema()

    for document in ("{ name }", "{ nothing }", "{", "{ name }", "{ nothing }", "{", "{ name }"):
        await ask(document, toy=toy)

    told = preparing.kept.told()
    assert (told.hits, told.size) == (2, 1)


async def test_a_document_kept_for_callers_with_a_credential_is_still_refused_to_others() -> None:
    document = "{ __schema { description } } # kept"

    assert (await ask(document)).status_code == 200
    assert codes(await ask(document, signed=False)) == ["GRAPHQL_VALIDATION_FAILED"]


def test_fragments_are_measured_relative_to_themselves() -> None:
    shallow_first = "{ ...A item { item { ...A } } } fragment A on Item " + nested(10)

    assert measure(parse(shallow_first)) == Measures(operations=1, introspects=False)
    with pytest.raises(TooComplex):
        measure(parse(shallow_first.replace("item { ...A }", "item { item { ...A } }")))


NAMES = st.sampled_from(["a", "b", "item", "__typename", "__schema"])
SELECTIONS = st.recursive(
    st.one_of(NAMES, st.sampled_from(["...F", "...G", "x: a"])),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(lambda found: "a { " + " ".join(found) + " }")
        | st.lists(inner, min_size=1, max_size=4).map(lambda found: "... { " + " ".join(found) + " }")
    ),
    max_leaves=60,
)


@given(SELECTIONS, SELECTIONS, SELECTIONS)
def test_any_document_is_measured_or_refused(root: str, first: str, second: str) -> None:
    document = parse(f"{{ {root} }} fragment F on Q {{ {first} }} fragment G on Q {{ {second} }}")

    with suppress(TooComplex):
        assert measure(document).operations == 1

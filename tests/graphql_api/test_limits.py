"""Which documents are within the limits, who may look into the schema, and that good ones are prepared once."""

from contextlib import suppress

import pytest
from graphql import get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.limits import Measures, TooComplex, measure, preparing
from graphql_api.limits.keeping import Keeping, Kept
from tests.graphql_api.adversarial import chain, nested
from tests.graphql_api.toy import ask, codes, schema

FULL_INTROSPECTION = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
)


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


async def test_a_document_is_found_again_whatever_its_variables() -> None:
    preparing.kept.clear()
    toy = schema()

    for number in range(50):
        answer = await ask("query($n: Int!) { shelf(first: $n) { totalCount } }", toy=toy, n=number + 1)
        assert answer.status_code == 200

    assert preparing.kept.told() == Kept(hits=49, misses=1, size=1)


async def test_documents_that_come_once_drive_out_nobody_who_came_twice() -> None:
    preparing.kept.clear()
    toy = schema()
    regular = "{ item { name } }"

    for document in (regular, regular, *(f"{{ name }} # {number}" for number in range(300)), regular):
        await ask(document, toy=toy)

    told = preparing.kept.told()
    assert (told.hits, told.misses) == (2, 301)
    assert told.size == 1 + preparing.NEWCOMERS


async def test_regulars_make_room_for_newer_ones_and_their_number_is_bounded() -> None:
    keeping: Keeping[int, str] = Keeping(newcomers=1, regulars=2)

    for number in (1, 2, 3):
        keeping.keep(number, str(number))
        assert keeping.find(number) == str(number)

    assert [keeping.find(number) for number in (1, 2, 3)] == [None, "2", "3"]
    assert keeping.told().size == 2


async def test_a_document_of_unusual_length_is_prepared_each_time() -> None:
    preparing.kept.clear()
    long = "{ name } #" + "x" * preparing.LONGEST_KEPT

    assert [(await ask(long)).status_code for _ in range(2)] == [200, 200]
    assert preparing.kept.told() == Kept(hits=0, misses=2, size=0)


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

"""What operations cost: by the page sizes and lists that they are given, never less than they bring back."""

import re
from typing import Any

import pytest
from graphql import DocumentNode, GraphQLField, GraphQLSchema, build_schema, parse, print_ast, validate
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphql_api import schema as ours
from graphql_api.limits.measuring import TooComplex, measure
from graphql_api.limits.prices import Price
from graphql_api.limits.pricing import Offer, offers
from tests.graphql_api.toy import schema

SEATGATE = ours.build_schema()._schema
TOY = schema()


def offer(document: str, name: str | None = None, of: GraphQLSchema = TOY._schema) -> Offer:
    parsed = parse(document)
    assert validate(of, parsed) == []
    return offers(of, parsed)[name]


def price(document: str, variables: dict[str, Any] | None = None, name: str | None = None) -> tuple[int, int]:
    found = offer(document, name).price(variables or {})
    return found.points, found.nodes


TWO_FRAGMENTS = """
    fragment F on Shelf { nodes { item { name } } }
    fragment G on Query { b: shelf(first: 7) { ...F } }
"""


@pytest.mark.parametrize(
    ("document", "points", "nodes"),
    [
        ("{ name }", 1, 0),
        ("{ __typename }", 1, 0),
        ('{ name echo(text: "x") }', 2, 0),
        ("{ item { name } }", 1, 0),
        ("{ item { item { name } } }", 2, 0),
        ("{ dear { name } }", 7, 0),
        ("{ shelf { totalCount } }", 1, 20),
        ("{ shelf(first: 5) { nodes { name } } }", 1, 5),
        ("{ shelf(last: 5) { nodes { name } } }", 1, 5),
        ("{ shelf(first: null) { nodes { name } } }", 1, 20),
        ("{ shelf(first: 3, last: 7) { nodes { name } } }", 1, 7),
        ("{ shelf(first: 5) { edges { cursor node { name } } pageInfo { hasNextPage } totalCount } }", 1, 5),
        ("{ shelf(first: 5) { nodes { item { name } } } }", 1 + 5, 5),
        ("{ shelf(first: 5) { nodes { shelf(first: 7) { nodes { name } } } } }", 1 + 5, 5 + 5 * 7),
        ("{ shelf(first: 5) { nodes { ...F } } } fragment F on Item { item { name } }", 1 + 5, 5),
        ("{ a: shelf(first: 5) { ...F } ...G } " + TWO_FRAGMENTS, 1 + 5 + 1 + 7, 5 + 7),
        ("{ shelf(first: 5) @skip(if: true) { nodes { name } } }", 1, 5),
        ("{ ... @include(if: false) { shelf(first: 5) { nodes { name } } } }", 1, 5),
        ('{ named(ids: ["a", "b", "c"]) { item { name } } }', 1 + 3, 3),
        ('{ named(ids: "a") { item { name } } }', 1 + 1, 1),
        ("{ named(ids: []) { item { name } } }", 1, 0),
        ("{ named { item { name } } }", 1 + 20, 20),
        ("{ shelf(first: 0) { nodes { name } } }", 1, 100),
        ("{ shelf(first: -5) { nodes { name } } }", 1, 100),
        ("{ shelf(first: 101) { nodes { name } } }", 1, 101),
        ("{ shelf(first: 2147483647) { nodes { name } } }", 1, 2147483647),
        ("{ __schema { types { name fields { name } } } }", 10, 0),
        ('{ a: __type(name: "Item") { name } b: __type(name: "Item") { name } }', 20, 0),
        ("mutation { touch }", 1, 0),
        ("mutation { a: touch b: touch }", 2, 0),
        ("subscription { ticks }", 1, 0),
    ],
)  # fmt: skip
def test_an_operation_costs_what_it_looks_up_and_counts_what_its_pages_may_hold(
    document: str, points: int, nodes: int
) -> None:
    assert price(document) == (points, nodes)


PAGED = "query($n: Int) { shelf(first: $n) { nodes { item { name } } } }"


@pytest.mark.parametrize(
    ("variables", "size"),
    [
        ({"n": 1}, 1),
        ({"n": 100}, 100),
        ({"n": 5.0}, 5),
        ({"n": None}, 20),
        ({}, 20),
        ({"n": 0}, 100),
        ({"n": -1}, 100),
        ({"n": 5.5}, 100),
        ({"n": "5"}, 100),
        ({"n": True}, 100),
        ({"n": [5]}, 100),
        ({"n": {}}, 100),
        ({"n": 10**20}, 10**20),
    ],
)
def test_a_page_size_that_comes_as_a_variable_counts_as_it_comes_and_a_wrong_one_as_the_greatest(
    variables: dict[str, Any], size: int
) -> None:
    assert price(PAGED, variables) == (1 + size, size)


def test_a_variable_has_the_default_that_the_operation_gives_it() -> None:
    document = PAGED.replace("$n: Int", "$n: Int = 7")

    assert price(document) == (1 + 7, 7)
    assert price(document, {"n": 3}) == (1 + 3, 3)
    assert price(document, {"n": None}) == (1 + 20, 20)


def test_a_list_that_comes_as_a_variable_counts_by_its_length() -> None:
    document = "query($ids: [ID!], $id: ID!) { named(ids: $ids) { item { name } } b: named(ids: [$id, $id]) { name } }"

    assert price(document, {"ids": ["a"] * 30, "id": "a"}) == (2 + 30, 32)
    assert price(document, {"ids": "a", "id": "a"}) == (2 + 1, 3)
    assert price(document, {"ids": None, "id": "a"}) == (2 + 20, 22)


def test_only_the_operation_that_runs_is_paid_for() -> None:
    document = (
        "query Cheap { name } query Dear { shelf(first: 90) { ...F } } fragment F on Shelf { nodes { item { name } } }"
    )

    assert price(document, name="Cheap") == (1, 0)
    assert price(document, name="Dear") == (91, 90)


@pytest.mark.parametrize(
    ("document", "points", "nodes"),
    [
        ('{ entitlements(customerId: "c") { features quantities { key value } } }', 2, 0),
        ('{ entitlementsBatch(customerIds: ["a", "b"]) { features quantities { key value } } }', 1 + 2, 2),
        ('{ entitlements(customerId: "c") { decisions(features: ["a", "b"]) { granted } } }', 2, 2),
        ('{ explain(customerId: "c", feature: "f") { decision { granted } } }', 5 + 1, 0),
        ("{ organizations(first: 100) { nodes { memberships(first: 90) { nodes { role } } } } }", 101, 9100),
        ("{ organizations { nodes { name slug viewerRole } pageInfo { hasNextPage } totalCount } }", 1, 20),
        ("{ plans { nodes { name limits { key } } } }", 1 + 20, 20),
        ("{ auditEvents(last: 100) { edges { node { action actorId actor { __typename } } } } }", 101, 100),
        ("{ rateLimit { cost } }", 1, 0),
        ("mutation($i: SubscribeInput!) { subscribe(input: $i) { errors { __typename } } }", 11, 0),
        ("mutation($i: ReconcileCustomerInput!) { reconcileCustomer(input: $i) { errors { __typename } } }", 21, 0),
    ],
)
def test_seatgates_own_fields_cost_what_their_directives_and_pages_say(document: str, points: int, nodes: int) -> None:
    found = offer(document, of=SEATGATE).price({})

    assert (found.points, found.nodes) == (points, nodes)


def test_what_is_printed_is_what_is_charged() -> None:
    told = build_schema(ours.print_schema()).mutation_type
    assert told is not None
    printed = {name: weight for name, field in told.fields.items() for weight in _weights(field)}

    for name, weight in printed.items():
        kind = f"{name[0].upper()}{name[1:]}Input"
        document = f"mutation($i: {kind}!) {{ {name}(input: $i) {{ __typename }} }}"
        assert offer(document, of=SEATGATE).price({}).points == weight
    assert len(printed) == 11


def _weights(field: GraphQLField) -> list[int]:
    applied = (field.ast_node and field.ast_node.directives) or ()
    weights = (given.value for each in applied if each.name.value == "cost" for given in each.arguments or ())
    return [int(print_ast(weight)) for weight in weights]


SIZES = st.integers(1, 3)
LEAVES = st.sampled_from(["name", "__typename", "item { name }", "...F", "...G"])
ITEMS = st.recursive(
    st.lists(LEAVES, min_size=1, max_size=3).map(" ".join),
    lambda inner: st.one_of(
        st.tuples(SIZES, inner).map(lambda of: f"item {{ {of[1]} }}"),
        st.tuples(SIZES, inner).map(lambda of: f"x{of[0]}: shelf(first: {of[0]}) {{ nodes {{ {of[1]} }} totalCount }}"),
        st.tuples(SIZES, inner).map(lambda of: f"y{of[0]}: shelf(last: {of[0]}) {{ edges {{ node {{ {of[1]} }} }} }}"),
        st.tuples(SIZES, inner).map(lambda of: f"... on Item {{ {of[1]} }}"),
    ),
    max_leaves=6,
)
ENDS = ITEMS.map(lambda text: text.replace("...F", "name").replace("...G", "name"))


def written(root: str, first: str, last: str) -> str:
    inner = first.replace("...F", "...G")
    return f"{{ item {{ {root} ...F ...G }} }} fragment F on Item {{ {inner} }} fragment G on Item {{ {last} }}"


def is_within_limits(document: DocumentNode) -> bool:
    try:
        return measure(document).operations == 1
    except TooComplex:
        return False


def told(value: object) -> Price:
    """Count what an answer holds: the members of its pages, and all its fields."""
    if isinstance(value, list):
        return sum((told(item) for item in value), Price(nodes=len(value)))
    if isinstance(value, dict):
        return sum((told(item) for item in value.values()), Price(values=len(value)))
    return Price()


@given(ITEMS, ITEMS, ENDS)
@settings(max_examples=60, deadline=None)
async def test_no_answer_holds_more_than_was_counted(root: str, first: str, last: str) -> None:
    document = written(root, first, last)
    parsed = parse(document)
    assume(is_within_limits(parsed))
    assert validate(TOY._schema, parsed) == []
    counted = offers(TOY._schema, parsed)[None].price({})

    brought = told((await TOY.execute(document)).data)

    assert brought.nodes <= counted.nodes
    assert brought.values <= counted.values


@given(ITEMS, ITEMS, ENDS)
@settings(max_examples=100, deadline=None)
def test_a_variable_costs_what_the_same_number_written_out_does(root: str, first: str, last: str) -> None:
    closed = written(root, first, last)
    opened = re.sub(r"(first|last): (\d)", r"\1: $n\2", closed)
    used = sorted(set(re.findall(r"\$n(\d)", opened)))
    assume(used)
    declared = " ".join(f"$n{size}: Int" for size in used)

    filled = offers(TOY._schema, parse(f"query({declared}) {opened}"))[None]

    assert filled.price({f"n{size}": int(size) for size in used}) == offers(TOY._schema, parse(closed))[None].price({})

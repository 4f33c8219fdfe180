"""The schema as it is printed: what it promises of itself, and that it is a part of the settled one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    Undefined,
    build_schema,
    is_specified_scalar_type,
    parse,
    print_ast,
    validate,
)
from graphql.utilities import ast_from_value

from domain.errors import ConfigError
from graphql_api import glossary, schema
from graphql_api.demo.host import HostQuery
from graphql_api.schema import print_schema

ROOT = Path(__file__).parents[2]
PRINTED = print_schema()
OURS = build_schema(PRINTED)
SETTLED = build_schema((ROOT / "tests/vectors/schema-core.graphql").read_text())
EXAMPLES = sorted((ROOT / "explorer/examples").glob("*.graphql"))


def test_the_schema_at_the_root_is_what_the_code_prints() -> None:
    assert (ROOT / "schema.graphql").read_text() == PRINTED, "run `make schema` and read the difference"


def test_the_demos_schema_is_what_the_code_prints_and_its_gates_can_deny() -> None:
    printed = print_schema(query=[HostQuery])
    gated = [line for line in printed.splitlines() if " @requireFeature(" in line or " @requirePlan(" in line]

    assert (ROOT / "tests/demo.graphql").read_text() == printed, "run `make schema` and read the difference"
    assert [line.rpartition(" @")[2] for line in gated if not line.startswith("directive")] == [
        'requirePlan(plan: "team")',
        'requireFeature(feature: "reports")',
    ]
    assert not any("! @require" in line for line in gated)


def own_types() -> list[GraphQLNamedType]:
    return [kind for name, kind in OURS.type_map.items() if name[:2] != "__" and not is_specified_scalar_type(kind)]


def facts(kind: GraphQLNamedType) -> Iterator[str]:
    """Say everything of a type that a client can rely on, one line each."""
    yield f"{type(kind).__name__} {kind.name}"
    if isinstance(kind, GraphQLEnumType):
        yield from (f"{kind.name} has the value {value}" for value in kind.values)
    if isinstance(kind, GraphQLUnionType):
        yield from (f"{kind.name} may be {member.name}" for member in kind.types)
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        yield from (f"{kind.name} is a {interface.name}" for interface in kind.interfaces)
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}: {field.type}"
            yield from (f"{kind.name}.{name} @ {directive}" for directive in directives(field.ast_node))
            yield from (f"{kind.name}.{name}({value(arg, given)})" for arg, given in field.args.items())
    if isinstance(kind, GraphQLInputObjectType):
        yield from (f"{kind.name}.{value(name, field)}" for name, field in kind.fields.items())


def directives(node: object) -> list[str]:
    return sorted(print_ast(directive) for directive in getattr(node, "directives", None) or ())


def value(name: str, given: GraphQLArgument | GraphQLInputField) -> str:
    if given.default_value is Undefined:
        return f"{name}: {given.type}"
    default = ast_from_value(given.default_value, given.type)
    return f"{name}: {given.type} = {print_ast(default) if default else None}"


def test_everything_of_ours_is_in_the_settled_schema_just_so() -> None:
    settled = {fact for kind in SETTLED.type_map.values() for fact in facts(kind)}

    assert sorted({fact for kind in own_types() for fact in facts(kind)} - settled) == []


def test_our_directives_are_the_settled_ones() -> None:
    for directive in OURS.directives:
        twin = SETTLED.get_directive(directive.name)
        assert twin is not None
        assert directive.locations == twin.locations
        assert directive.is_repeatable == twin.is_repeatable
        assert {n: str(a.type) for n, a in directive.args.items()} == {n: str(a.type) for n, a in twin.args.items()}


def missing() -> list[str]:
    """Name what is settled and not there yet: whole types, and members of the types that are; a field says it all."""
    ours = {fact for kind in own_types() for fact in facts(kind)}
    shared = [SETTLED.type_map[kind.name] for kind in own_types()]
    lacking = {fact for kind in shared for fact in facts(kind)} - ours
    fields = tuple(f"{fact.partition(': ')[0]}{sign}" for fact in lacking if "(" not in fact for sign in "( ")
    absent = {name for name in SETTLED.type_map if name not in OURS.type_map}
    return sorted(absent | {fact for fact in lacking if not fact.startswith(fields)})


def test_what_is_still_missing_can_only_shrink() -> None:
    listed = (ROOT / "tests/vectors/schema-missing.txt").read_text().splitlines()

    assert missing() == listed, "take away the lines of what has been built; add none"


@pytest.mark.parametrize("kind", own_types(), ids=str)
def test_every_type_is_described(kind: GraphQLNamedType) -> None:
    assert kind.description


def test_every_field_argument_and_value_is_described() -> None:
    bare = []
    for kind in own_types():
        values: dict[str, Any] = kind.values if isinstance(kind, GraphQLEnumType) else getattr(kind, "fields", {})
        for name, found in values.items():
            told = {f"{kind.name}.{name}": found} | {
                f"{kind.name}.{name}({arg})": given for arg, given in getattr(found, "args", {}).items()
            }
            bare += [place for place, thing in told.items() if not thing.description]

    assert bare == []


def test_the_glossary_has_no_word_too_many() -> None:
    fields = {f"{kind.name}.{name}": found for kind in own_types() for name, found in fields_of(kind).items()}
    names = {name.partition(".")[2] for name in fields} | {
        arg for found in fields.values() for arg in getattr(found, "args", {})
    }
    values = {(kind.name, value) for kind in own_types() if isinstance(kind, GraphQLEnumType) for value in kind.values}

    assert {*glossary.NAMES} <= names
    assert {*glossary.EXACTLY} <= {*fields}
    assert {(kind, value) for kind, told in glossary.VALUES.items() for value in told} <= values


def fields_of(kind: GraphQLNamedType) -> dict[str, Any]:
    return getattr(kind, "fields", {})


def test_every_root_field_can_be_null() -> None:
    roots = [root for root in (OURS.query_type, OURS.mutation_type, OURS.subscription_type) if root]

    assert [name for root in roots for name, field in root.fields.items() if str(field.type).endswith("!")] == []


def test_every_mutation_takes_one_input_and_gives_a_payload_with_errors() -> None:
    assert OURS.mutation_type is not None
    for name, field in OURS.mutation_type.fields.items():
        kind = f"{name[0].upper()}{name[1:]}"

        assert {arg: str(given.type) for arg, given in field.args.items()} == {"input": f"{kind}Input!"}
        assert str(field.type) == f"{kind}Payload"
        payload = OURS.type_map[f"{kind}Payload"]
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["errors"].type) == f"[{kind}Error!]!"


def test_every_member_of_a_union_of_errors_is_a_user_error() -> None:
    unions = [kind for kind in own_types() if isinstance(kind, GraphQLUnionType) and kind.name.endswith("Error")]

    assert unions
    for union in unions:
        assert all("UserError" in [interface.name for interface in member.interfaces] for member in union.types)


def test_no_field_of_our_own_stands_behind_a_feature_or_a_plan() -> None:
    assert "@requireFeature" not in PRINTED
    assert "@requirePlan" not in PRINTED


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_of_the_explorer_is_valid(example: Path) -> None:
    assert validate(OURS, parse(example.read_text())) == []


def test_a_host_cannot_take_the_place_of_a_field_of_ours() -> None:
    @strawberry.type
    class Impostor:
        @strawberry.field
        def viewer(self) -> str:
            return "me"

    with pytest.raises(ConfigError, match="viewer stands twice"):
        schema.build_schema(query=(Impostor,))

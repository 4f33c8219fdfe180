"""What each field of a schema costs by itself, and by what it multiplies everything below it. Reads no document."""

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.schema_directive import Location

PAGING = ("first", "last")
NAMED = frozenset({"ID", "String"})
PLUMBING = frozenset({"edges", "node", "nodes", "pageInfo"})


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="cost",
    description=(
        "What the field adds to an operation's cost where that is not 1; "
        "connections multiply by page size, lists of ids by their length."
    ),
)
class Cost:
    """Says what a field costs; `directives=[Cost(weight=5)]` of a field both prints and charges it."""

    weight: int


def points(parent: GraphQLNamedType, name: str, field: GraphQLField, *, root: bool) -> int:
    """Say what a field costs once: its declared weight, else 1 for what is looked up and 0 for what only shows it.

    Leaves show what their object has, and the parts of a connection what the connection has.
    """
    declared = _declared(field)
    if declared is not None:
        return declared
    if root:
        return 1
    shown = is_leaf_type(get_named_type(field.type)) or (name in PLUMBING and _is_connection(parent))
    return 0 if shown else 1


def paging(field: GraphQLField) -> dict[str, GraphQLArgument]:
    """Name the arguments by which a caller says how long a page shall be; empty where the field gives no page."""
    return {name: field.args[name] for name in PAGING if name in field.args}


def listing(field: GraphQLField) -> tuple[str, GraphQLArgument] | None:
    """Find the list of ids or names by which a field is told how many answers to give; None where it has none."""
    if not isinstance(get_nullable_type(field.type), GraphQLList):
        return None
    return next(((name, given) for name, given in field.args.items() if _lists_names(given.type)), None)


def _lists_names(kind: GraphQLInputType) -> bool:
    plain = get_nullable_type(kind)
    return isinstance(plain, GraphQLList) and get_named_type(plain).name in NAMED


def _declared(field: GraphQLField) -> int | None:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    found = [directive for directive in getattr(definition, "directives", ()) if isinstance(directive, Cost)]
    return found[0].weight if found else None


def _is_connection(kind: GraphQLNamedType) -> bool:
    """Tell connections and their edges, a host's too, by what they hold."""
    if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        return False
    return "pageInfo" in kind.fields or ("cursor" in kind.fields and "node" in kind.fields)

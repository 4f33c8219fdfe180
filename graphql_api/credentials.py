"""Who may ask at all: the anonymous read two root fields, and every other one, a host's included, refuses them."""

from collections.abc import Iterator
from typing import Any

from graphql import GraphQLField, GraphQLFieldResolver, GraphQLObjectType, GraphQLResolveInfo, default_field_resolver
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api import streams
from graphql_api.errors import MaskingSchema

PUBLIC = frozenset({"serverInfo", "plans"})


def ask_for_credentials(schema: MaskingSchema) -> None:
    """Refuse the anonymous at every root field that is not public, a host's fields included."""
    types = schema._schema  # noqa: SLF001 - Strawberry keeps graphql-core's schema nowhere else
    for name, field in (*_fields(types.query_type), *_fields(types.mutation_type)):
        if name not in PUBLIC:
            field.resolve = _for_callers(field.resolve or default_field_resolver)
    for _, field in _fields(types.subscription_type):
        if field.subscribe is not None:
            definition = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            field.subscribe = streams.gated(field.subscribe, definition)


def _fields(root: GraphQLObjectType | None) -> Iterator[tuple[str, GraphQLField]]:
    yield from root.fields.items() if root else ()


def _for_callers(resolve: GraphQLFieldResolver) -> GraphQLFieldResolver:
    def resolved(source: object, info: GraphQLResolveInfo[Any], **arguments: object) -> object:
        info.context.caller  # noqa: B018 - refuses the anonymous
        return resolve(source, info, **arguments)

    return resolved

"""The schema: Seatgate's own fields, a host's beside them, and the checks that every gate really guards."""

from collections.abc import Sequence
from functools import lru_cache

from graphql import Undefined
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from domain.errors import ConfigError
from graphql_api.audit import AuditEvent
from graphql_api.credentials import ask_for_credentials
from graphql_api.customers import BillingSubscription, Customer
from graphql_api.errors import MaskingSchema
from graphql_api.glossary import describe
from graphql_api.identity import User
from graphql_api.invitations import Invitation
from graphql_api.limits import Deadline, Limits
from graphql_api.loaders import FreshLoaders
from graphql_api.mutation import Mutation
from graphql_api.organizations import Membership, Organization
from graphql_api.overrides import Override
from graphql_api.query import Query
from graphql_api.scalars import SCALARS
from graphql_api.subscription import Subscription
from graphql_api.webhook_events import WebhookEvent


def print_schema(
    *, query: Sequence[type] = (), mutation: Sequence[type] = (), subscription: Sequence[type] = ()
) -> str:
    """Print the schema sorted, with the gates that stand on its fields."""
    return build_schema(query=query, mutation=mutation, subscription=subscription, sort=True).as_str() + "\n"


def build_schema(
    *,
    query: Sequence[type] = (),
    mutation: Sequence[type] = (),
    subscription: Sequence[type] = (),
    sort: bool = False,
) -> MaskingSchema:
    """Make the schema of Seatgate's fields and a host's own types of root fields.

    A sorted schema is for printing only: Strawberry cannot tell the members of its unions apart. Asked for again, the
    same schema is given, because it knows nothing of the application that it serves.
    """
    return _built(tuple(query), tuple(mutation), tuple(subscription), sort=sort)


@lru_cache(maxsize=8)
def _built(
    query: tuple[type, ...], mutation: tuple[type, ...], subscription: tuple[type, ...], *, sort: bool
) -> MaskingSchema:
    schema = MaskingSchema(
        query=_joined("Query", (Query, *query)),
        mutation=_joined("Mutation", (Mutation, *mutation)),
        subscription=_joined("Subscription", (Subscription, *subscription)),
        types=[
            Organization,
            Membership,
            Invitation,
            User,
            Customer,
            BillingSubscription,
            AuditEvent,
            WebhookEvent,
            Override,
        ],
        extensions=[Limits, Deadline, FreshLoaders],
        config=StrawberryConfig(scalar_map=SCALARS, sort_schema=sort),
    )
    _leave_out_null_defaults(schema)
    describe(schema._schema)  # noqa: SLF001 - Strawberry keeps graphql-core's schema nowhere else
    ask_for_credentials(schema)
    return schema


def _joined(name: str, kinds: tuple[type, ...]) -> type:
    """Put the fields of types side by side under one name, with the description of the first.

    Raises:
        ConfigError: a field's name stands twice; nothing may take the place of a field of ours unseen.
    """
    first = kinds[0].__strawberry_definition__  # type: ignore[attr-defined]  # all are Strawberry's types
    if kinds == (first.origin,) and first.name == name:
        return kinds[0]
    names = [field.name for kind in kinds for field in kind.__strawberry_definition__.fields]  # type: ignore[attr-defined]  # as above
    if twice := sorted({field for field in names if names.count(field) > 1}):
        raise ConfigError([f"{name}: the field {field} stands twice" for field in twice])
    joined = merge_types(name, kinds)
    joined.__strawberry_definition__.description = first.description  # type: ignore[attr-defined]  # as above
    return joined


def _leave_out_null_defaults(schema: MaskingSchema) -> None:
    """Let what may be left out be left out: Python's None is no default that a client should see."""
    for kind in schema._schema.type_map.values():  # noqa: SLF001 - Strawberry keeps graphql-core's schema nowhere else
        for field in getattr(kind, "fields", {}).values():
            for value in (field, *getattr(field, "args", {}).values()):
                if getattr(value, "default_value", Undefined) is None:
                    value.default_value = Undefined

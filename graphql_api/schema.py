"""The schema: Seatgate's own fields, a host's beside them, and the checks that every gate really guards."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry import Info
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from domain import ids
from domain.entitlements import Catalog
from domain.errors import ConfigError
from domain.ids import Prefix
from graphql_api import (
    billing_mutations,
    catalog,
    customers,
    entitlements,
    identity,
    loaders,
    membership_mutations,
    organizations,
    server,
)
from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.enums import ApiScope
from graphql_api.errors import MaskingSchema
from graphql_api.limits import Limits
from graphql_api.loaders import FreshLoaders
from graphql_api.node import Node
from graphql_api.permissions import Gate, RequireFeature, require_scope
from graphql_api.scalars import DATE_TIME
from graphql_api.unit_of_work import Refusals, UnitOfWork


async def node(info: Info[Context, None], id: strawberry.ID) -> Node | None:
    """Any object by its id; the prefix names the type."""
    info.context.caller  # noqa: B018 - refuses the anonymous
    found = loaders.current()
    match ids.prefix_of(id):
        case Prefix.ORGANIZATION:
            return organizations.Organization.of(await found.organizations.load(id))
        case Prefix.USER:
            return identity.User.of(await found.users.load(id))
        case Prefix.MEMBERSHIP:
            return organizations.Membership.of(await found.memberships.load(id))
        case Prefix.CUSTOMER:
            return customers.Customer.of(await found.customers.load(id))
        case Prefix.SUBSCRIPTION:
            return customers.BillingSubscription.of(await found.subscriptions.load(id))
        case _:
            return None


def _read(resolver: Any, scope: ApiScope | None = None, **options: Any) -> Any:
    extensions = [require_scope(scope)] if scope else []
    return strawberry.field(resolver=resolver, extensions=extensions, description=resolver.__doc__, **options)


def _write(resolver: Any, run: Refusals, scope: ApiScope | None = None) -> Any:
    # The extension listed last runs first: nobody without a credential opens a transaction.
    extensions = [run, require_scope(scope)] if scope else [run]
    return strawberry.mutation(resolver=resolver, extensions=extensions, description=resolver.__doc__)


@described
class Query:
    """Reads. Without a credential only serverInfo, plans and __typename answer."""

    viewer: identity.Viewer | None = _read(identity.viewer)
    node: Node | None = _read(node)
    organization: organizations.Organization | None = _read(organizations.organization, ApiScope.ORGANIZATIONS_READ)
    organizations: Any = _read(organizations.all_organizations, ApiScope.ORGANIZATIONS_READ)
    customer: customers.Customer | None = _read(customers.customer, ApiScope.ENTITLEMENTS_READ)
    entitlements: Any = _read(entitlements.entitlements_of, ApiScope.ENTITLEMENTS_READ)
    plans: Any = _read(catalog.plans)
    server_info: server.ServerInfo | None = _read(server.server_info)


@described
class Mutation:
    """Writes. Each takes one input and gives one payload; siblings run one after the other."""

    create_organization: Any = _write(membership_mutations.create_organization, UnitOfWork())
    add_member: Any = _write(membership_mutations.add_member, UnitOfWork(), ApiScope.MEMBERS_WRITE)
    remove_member: Any = _write(membership_mutations.remove_member, UnitOfWork(), ApiScope.MEMBERS_WRITE)
    subscribe: Any = _write(billing_mutations.subscribe, Refusals(), ApiScope.BILLING_WRITE)
    cancel_subscription: Any = _write(billing_mutations.cancel_subscription, Refusals(), ApiScope.BILLING_WRITE)


def build_schema(*, query: Sequence[type] = (), mutation: Sequence[type] = ()) -> MaskingSchema:
    """Make the schema of Seatgate's fields and a host's own types of root fields."""
    return MaskingSchema(
        query=merge_types("Query", (Query, *query)) if query else Query,
        mutation=merge_types("Mutation", (Mutation, *mutation)) if mutation else Mutation,
        types=[
            organizations.Organization,
            organizations.Membership,
            identity.User,
            customers.Customer,
            customers.BillingSubscription,
        ],
        extensions=[Limits, FreshLoaders],
        config=StrawberryConfig(scalar_map={datetime: DATE_TIME}, sort_schema=True),
    )


def check_gates(schema: MaskingSchema, prices: Catalog) -> None:
    """Walk the schema and check every gate.

    Raises:
        ConfigError: a gate is not outermost, its field cannot be null, or no plan declares its feature.
    """
    faults: list[str] = []
    features: set[str] = set()
    for name, field in _fields(schema):
        asked = [permission for gate in _gates(field) for permission in gate if isinstance(permission, RequireFeature)]
        if not asked:
            continue
        features |= {permission.feature for permission in asked}
        if not isinstance(field.type, StrawberryOptional):
            faults.append(f"gate: {name} must be nullable, or one denial erases its siblings")
        if not isinstance(field.extensions[-1], Gate):
            faults.append(f"gate: {name} runs something before its gate; put the gate last in extensions")
    faults += prices.check_gates(features=features, plans=())
    if faults:
        raise ConfigError(faults)


def _gates(field: StrawberryField) -> Iterator[list[Any]]:
    for extension in field.extensions:
        permissions = getattr(extension, "permissions", None)
        if permissions:
            yield permissions


def _fields(schema: MaskingSchema) -> Iterator[tuple[str, StrawberryField]]:
    for kind in schema.schema_converter.type_map.values():
        for field in getattr(kind.definition, "fields", ()):
            if isinstance(field, StrawberryField):
                yield f"{kind.definition.name}.{field.name}", field

"""What can be read: the fields of Query, each made in the module of its feature."""

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension

from domain import ids
from domain.ids import Prefix
from graphql_api import (
    budget,
    drift,
    identity,
    loaders,
)
from graphql_api.audit import AuditEvent, list_audit_events
from graphql_api.catalog import CatalogFeature, CatalogPlan, list_features, list_plans
from graphql_api.connections import Connection, CountedConnection
from graphql_api.customers import BillingSubscription, Customer, find_customer
from graphql_api.described import described
from graphql_api.entitlements import EntitlementSet, find_entitlements, list_entitlements
from graphql_api.enums import ApiScope
from graphql_api.explaining import Explanation, explain
from graphql_api.identity import User, Viewer
from graphql_api.invitations import Invitation
from graphql_api.limits import Cost
from graphql_api.node import Node
from graphql_api.organizations import Membership, Organization, find_organization, list_organizations
from graphql_api.overrides import Override
from graphql_api.permissions import require_scope
from graphql_api.server import ServerInfo, tell_server_info
from graphql_api.webhook_events import WebhookEvent, list_webhook_events


async def find_node(id: strawberry.ID) -> Node | None:
    """Any object by its id; the prefix names the type."""
    found = loaders.current()
    nodes: dict[Prefix | None, tuple[DataLoader[str, Any], Callable[[Any], Node | None]]] = {
        Prefix.ORGANIZATION: (found.organizations, Organization.of),
        Prefix.USER: (found.users, User.of),
        Prefix.MEMBERSHIP: (found.memberships, Membership.of),
        Prefix.INVITATION: (found.invitations, Invitation.of),
        Prefix.CUSTOMER: (found.customers, Customer.of),
        Prefix.SUBSCRIPTION: (found.subscriptions, BillingSubscription.of),
        Prefix.AUDIT_EVENT: (found.audit_events, AuditEvent.of),
        Prefix.WEBHOOK_EVENT: (found.webhook_events, WebhookEvent.of),
        Prefix.OVERRIDE: (found.override_nodes, Override.of),
    }
    known = nodes.get(ids.prefix_of(id))
    if known is None:
        return None
    loader, dress = known
    return dress(await loader.load(id))


def _read(resolver: Any, scope: ApiScope | None = None, *, cost: int | None = None) -> Any:
    extensions: list[FieldExtension] = [require_scope(scope)] if scope else []
    directives = [Cost(weight=cost)] if cost else []
    return strawberry.field(
        resolver=resolver, extensions=extensions, directives=directives, description=resolver.__doc__
    )


@described
class Query:
    """Reads. Without a credential only serverInfo, plans and __typename answer."""

    viewer: Viewer | None = _read(identity.viewer)
    node: Node | None = _read(find_node)
    organization: Organization | None = _read(find_organization, ApiScope.ORGANIZATIONS_READ)
    organizations: CountedConnection[Organization] | None = _read(list_organizations, ApiScope.ORGANIZATIONS_READ)
    customer: Customer | None = _read(find_customer, ApiScope.ENTITLEMENTS_READ)
    entitlements: EntitlementSet | None = _read(find_entitlements, ApiScope.ENTITLEMENTS_READ)
    entitlements_batch: list[EntitlementSet | None] | None = _read(list_entitlements, ApiScope.ENTITLEMENTS_READ)
    explain: Explanation | None = _read(explain, cost=5)
    plans: CountedConnection[CatalogPlan] | None = _read(list_plans)
    features: CountedConnection[CatalogFeature] | None = _read(list_features)
    audit_events: Connection[AuditEvent] | None = _read(list_audit_events, ApiScope.AUDIT_READ)
    webhook_events: Connection[WebhookEvent] | None = _read(list_webhook_events, ApiScope.WEBHOOKS_MANAGE)
    drift_report: drift.DriftReport | None = _read(drift.find_drift_report, ApiScope.ADMIN)
    rate_limit: budget.RateLimit | None = _read(budget.tell_rate_limit)
    server_info: ServerInfo | None = _read(tell_server_info)

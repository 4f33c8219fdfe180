"""What can be read: the fields of Query, each made in the module of its feature."""

from typing import Any

import strawberry
from strawberry.extensions import FieldExtension

from graphql_api import (
    budget,
    drift,
    identity,
)
from graphql_api.audit import AuditEvent, list_audit_events
from graphql_api.catalog import CatalogFeature, CatalogPlan, list_features, list_plans
from graphql_api.connections import Connection, CountedConnection
from graphql_api.customers import Customer, find_customer
from graphql_api.described import described
from graphql_api.entitlements import EntitlementSet, find_entitlements, list_entitlements
from graphql_api.enums import ApiScope
from graphql_api.explaining import Explanation, explain
from graphql_api.identity import Viewer
from graphql_api.limits import Cost
from graphql_api.node import Node
from graphql_api.nodes import find_node, find_nodes
from graphql_api.organizations import Organization, find_organization, list_organizations
from graphql_api.permissions import require_scope
from graphql_api.server import ServerInfo, tell_server_info
from graphql_api.webhook_events import WebhookEvent, list_webhook_events


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
    nodes: list[Node | None] | None = _read(find_nodes)
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

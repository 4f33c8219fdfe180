"""Any object by its id: the prefix names the type, and the type's own reads say whose it is."""

import asyncio
from collections.abc import Callable
from typing import Any

import strawberry
from strawberry.dataloader import DataLoader

from domain import ids
from domain.errors import InvalidInput
from domain.ids import Prefix
from graphql_api import loaders
from graphql_api.api_keys import ApiKey
from graphql_api.audit import AuditEvent
from graphql_api.customers import BillingSubscription, Customer
from graphql_api.identity import User
from graphql_api.invitations import Invitation
from graphql_api.node import Node
from graphql_api.organizations import Membership, Organization
from graphql_api.overrides import Override
from graphql_api.webhook_events import WebhookEvent

MOST_IDS = 100


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
        Prefix.API_KEY: (found.api_keys, ApiKey.of),
        Prefix.OVERRIDE: (found.override_nodes, Override.of),
    }
    known = nodes.get(ids.prefix_of(id))
    if known is None:
        return None
    loader, dress = known
    return dress(await loader.load(id))


async def find_nodes(ids: list[strawberry.ID]) -> list[Node | None] | None:
    """At most 100 ids; null at the place of one that is missing or not yours."""
    if len(ids) > MOST_IDS:
        raise InvalidInput(f"Ask for at most {MOST_IDS} ids.")
    return await asyncio.gather(*map(find_node, ids))

"""What can be watched: the fields of Subscription, each made in the module of its feature."""

from typing import Any

import strawberry

from graphql_api import live
from graphql_api.described import described
from graphql_api.enums import ApiScope
from graphql_api.permissions import require_scope


def _watch(resolver: Any, scope: ApiScope) -> Any:
    return strawberry.subscription(resolver=resolver, extensions=[require_scope(scope)], description=resolver.__doc__)


@described
class Subscription:
    """Live answers over graphql-transport-ws: first the state now, then every change whichever process made it.

    Rights are checked again before each event; their loss ends the stream.
    """

    entitlements_changed: live.EntitlementSets = _watch(live.entitlements_changed, ApiScope.ENTITLEMENTS_READ)
    seats_changed: live.SeatUsages = _watch(live.seats_changed, ApiScope.ORGANIZATIONS_READ)

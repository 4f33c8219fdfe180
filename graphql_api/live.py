"""Streams of answers: the state now, then every change, each read anew within the caller's rights.

The last event of a stream whose caller has lost the right to it, or never had it, is null, as for what is not there.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry
from strawberry import Info

from domain.errors import Unauthenticated
from graphql_api.context import Context
from graphql_api.entitlements import EntitlementSet
from graphql_api.organizations import SeatUsage

ContextInfo = Info[Context, None]
EntitlementSets = AsyncGenerator[EntitlementSet | None, None]
SeatUsages = AsyncGenerator[SeatUsage | None, None]


async def entitlements_changed(info: ContextInfo, customer_id: strawberry.ID) -> EntitlementSets:
    """Also at the instants where an answer changes by itself (grace end, override end)."""
    services = info.context.services
    states = services.live.entitlements(services.customers(info.context.caller), customer_id)
    async with aclosing(states):
        async for found in states:
            _refuse_expired(info.context)
            yield EntitlementSet.of(found)
    yield None


async def seats_changed(info: ContextInfo, organization_id: strawberry.ID) -> SeatUsages:
    """Members, invitations and the limit."""
    services = info.context.services
    states = services.live.seats(services.reading(info.context.caller), organization_id)
    async with aclosing(states):
        async for usage in states:
            _refuse_expired(info.context)
            yield SeatUsage.of(usage)
    yield None


def _refuse_expired(context: Context) -> None:
    """Give no event any more to whose credential has expired meanwhile."""
    if context.expires_at is not None and context.services.clock.now() >= context.expires_at:
        raise Unauthenticated

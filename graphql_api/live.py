"""Streams of answers: the state now, then every change, each read anew within the caller's rights."""

import asyncio
from collections.abc import AsyncGenerator

import strawberry
from strawberry import Info

from graphql_api.context import Context
from graphql_api.entitlements import EntitlementSet
from graphql_api.organizations import SeatUsage

ContextInfo = Info[Context, None]
EntitlementSets = AsyncGenerator[EntitlementSet | None, None]
SeatUsages = AsyncGenerator[SeatUsage | None, None]

SECONDS = 1.0


async def entitlements_changed(info: ContextInfo, customer_id: strawberry.ID) -> EntitlementSets:
    """Also at the instants where an answer changes by itself (grace end, override end)."""
    services, told = info.context.services, None
    reading = services.customers(info.context.caller)
    while True:
        found = (await services.entitlements.visible(reading, [customer_id])).get(customer_id)
        if found is None:
            yield None
            return
        if found.revision != told:
            told = found.revision
            yield EntitlementSet.of(found)
        await asyncio.sleep(SECONDS)


async def seats_changed(info: ContextInfo, organization_id: strawberry.ID) -> SeatUsages:
    """Members, invitations and the limit."""
    services, told = info.context.services, None
    reading = services.reading(info.context.caller)
    while True:
        async with services.database.snapshot() as session:
            found = await reading.organizations_by_id(session, [organization_id])
            usage = (await services.entitlements.seat_usages(session, list(found))).get(organization_id)
        if usage is None:
            yield None
            return
        if usage != told:
            told = usage
            yield SeatUsage.of(usage)
        await asyncio.sleep(SECONDS)

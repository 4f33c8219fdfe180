"""Whose entitlements count for a gate in GraphQL: found once per operation, never from an argument or a header."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from strawberry import Info

from domain.billing import BillingSubscription, Customer
from domain.entitlements import Billable
from domain.errors import contained
from domain.organizations import Organization
from graphql_api import loaders
from graphql_api.context import Context

log = logging.getLogger(__name__)

BillableOf = Callable[[Any, Info[Context, Any]], "Billable | Awaitable[Billable | None] | None"]
"""Tells whose entitlements count for a field: `(source, info)` in, a billable or None out. Never an argument."""

PARENTS = (Organization, Customer, BillingSubscription)
"""The rows that are billed for the fields of their own objects; each was loaded through the caller's scope."""


async def find_billable(asked: BillableOf | None, source: Any, info: Info[Context, Any]) -> Billable | None:
    """Find whose entitlements count, once per operation for each function and parent; a failure is nobody's.

    The function asked for decides; without one the parent object that the caller could see, else the caller's user.
    """
    row = source if isinstance(source, PARENTS) else getattr(source, "row", None)
    parent = row.id if isinstance(row, PARENTS) else id(source)
    known = loaders.current().billables
    if (asked, parent) not in known:
        finding = asyncio.ensure_future(contained(_find(asked, row, source, info), log=log, where="billable"))
        # The source is kept, so that its identity stays its own for as long as the operation lasts.
        known[asked, parent] = finding, source
    return (await known[asked, parent][0]).value


async def _find(asked: BillableOf | None, row: object, source: Any, info: Info[Context, Any]) -> Billable | None:
    if asked is not None:
        found = asked(source, info)
        return await found if isawaitable(found) else found
    if isinstance(row, PARENTS):
        return row
    user_id = info.context.caller.user_id
    return None if user_id is None else await loaders.current().oneself.load(user_id)

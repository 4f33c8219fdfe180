"""What the caller may still ask for, told by the field that costs nothing but the asking."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import Info

from graphql_api import limits
from graphql_api.context import Context
from graphql_api.described import described


@described
class RateLimit:
    """The token bucket of the credential."""

    limit: int = strawberry.field(description="How many points a full bucket holds.")
    remaining: int = strawberry.field(description="How many are left, after this operation.")
    used: int = strawberry.field(description="How many are gone.")
    reset_at: datetime = strawberry.field(description="When the bucket is full again, if nothing is asked until then.")
    cost: int = strawberry.field(description="How many points this operation costs.")
    node_count: int = strawberry.field(description="How many objects its pages and lists may hold.")


def tell_rate_limit(info: Info[Context, Any], dry_run: bool = False) -> RateLimit | None:  # noqa: ARG001, FBT001, FBT002 - GraphQL's argument; `Limits` heeds it
    """The caller's budget. dryRun prices the operation without running its other fields."""
    allowance = info.context.allowance
    if allowance is None:
        return None
    price, standing = limits.receipt().price, allowance.standing()
    return RateLimit(
        limit=standing.limit,
        remaining=standing.remaining,
        used=standing.limit - standing.remaining,
        reset_at=standing.resets_at,
        cost=price.points,
        node_count=price.nodes,
    )

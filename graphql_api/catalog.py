"""The catalog in force, public."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from strawberry import Info

from domain import entitlements
from domain.db import Slice
from graphql_api.connections import CountedConnection
from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.enums import LimitMerge

T = TypeVar("T")


@described
class CatalogLimit:
    """A limit as the catalog writes it: amount, unlimited, or so many for each of the item's quantity."""

    key: str
    amount: int | None
    unlimited: bool
    per_quantity: bool
    times: int
    max: int | None
    merge: LimitMerge


@described
class CatalogPlan:
    """A plan of the catalog in force."""

    name: str
    add_on: bool
    features: list[str]
    limits: list[CatalogLimit]
    price_ids: list[str]
    braintree_plan_ids: list[str]

    @classmethod
    def of(cls, plan: entitlements.Plan) -> "CatalogPlan":
        """Dress a plan."""
        return cls(
            name=plan.name,
            add_on=plan.add_on,
            features=sorted(plan.features),
            limits=_limits(plan.limits),
            price_ids=list(plan.price_ids),
            braintree_plan_ids=list(plan.braintree_plan_ids),
        )


@described
class CatalogFeature:
    """A feature and the plans that have it, sorted."""

    key: str
    plans: list[str]


def _limits(limits: Mapping[str, entitlements.Limit]) -> list[CatalogLimit]:
    return [
        CatalogLimit(
            key=key,
            amount=None if limit.unlimited else limit.amount,
            unlimited=limit.unlimited,
            per_quantity=limit.per_quantity,
            times=limit.times,
            max=limit.max,
            merge=limit.merge,
        )
        for key, limit in sorted(limits.items())
    ]


async def list_plans(
    info: Info[Context, Any], first: int | None = None, after: str | None = None
) -> CountedConnection[CatalogPlan] | None:
    """The plans of the catalog in force, by name. Public."""
    known = info.context.services.catalog.plans
    return _page(info.context, "plans", known, first, after, dress=lambda name: CatalogPlan.of(known[name]))


async def list_features(
    info: Info[Context, Any], first: int | None = None, after: str | None = None
) -> CountedConnection[CatalogFeature] | None:
    """The features of the catalog in force, by key."""
    known = info.context.services.catalog

    def dress(key: str) -> CatalogFeature:
        return CatalogFeature(key=key, plans=[name for name, plan in known.plans.items() if key in plan.features])

    return _page(info.context, "features", known.features, first, after, dress=dress)


def _page(
    context: Context,
    of: str,
    names: Collection[str],
    first: int | None,
    after: str | None,
    *,
    dress: Callable[[str], T],
) -> CountedConnection[T]:
    """Give a page of what the catalog lists, sorted by name; a cursor holds the name alone and outlives the catalog."""
    cursors = context.cursors(of)
    page = cursors.page(first, after)
    behind = [name for name in names if page.after is None or name > page.after[1]]
    found = Slice(rows=behind[: page.size], has_next=len(behind) > page.size, has_previous=page.after is not None)

    async def count() -> int:
        return len(names)

    return cursors.counted(found, node=dress, place=lambda name: (name, name), count=count)

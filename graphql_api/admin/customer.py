"""The page of one customer: who it is and what it pays for, and what it has and why.

The customer itself is read first; each tab is read apart from it, and what cannot be read says so in its own place.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response

from domain import billing, ids
from domain.billing import Customer, ProcessorAccount
from domain.db import Page, page_of
from domain.entitlements import Override, SeatUsage, overrides_of
from domain.errors import NotFound, contained
from domain.ids import Prefix
from graphql_api.admin import advice, pages
from graphql_api.admin.access import FAILED, Access
from graphql_api.admin.door import Operator
from graphql_api.admin.owners import Owner, owners_of
from graphql_api.customers import BillingSubscription

log = logging.getLogger(__name__)

MOST_ROWS = 50
"""So many subscriptions and overrides are shown, the newest; there are hardly ever more."""


class Tab(StrEnum):
    """The parts of the page."""

    OVERVIEW = "overview"
    ENTITLEMENTS = "entitlements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The customer that the page is about, and who looks."""

    operator: Operator
    customer: Customer
    owner: Owner

    async def seats(self) -> SeatUsage | None:
        """Count the organization's seats; a person has none."""
        if self.customer.organization_id is None:
            return None
        id = self.customer.organization_id
        async with self.operator.context.database.snapshot() as session:
            return (await self.operator.context.services.entitlements.seat_usages(session, [id])).get(id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as the API shows it, with the plan that each item's price stands for."""

    dressed: BillingSubscription
    plans: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the overview shows."""

    seats: SeatUsage | None
    accounts: list[ProcessorAccount]
    subscriptions: list[Subscription]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """What the entitlements tab shows. `authors` names who granted, by id, as far as they are still there."""

    access: Access
    overrides: list[Override]
    authors: dict[str, str]


async def page(request: Request, operator: Operator) -> Response:
    """Show one customer.

    Raises:
        NotFound: there is no such customer.
        Unavailable: the database could not be reached.
    """
    shown = await _found(request.path_params["id"], operator)
    if request.query_params.get("tab") == Tab.ENTITLEMENTS:
        told = await advice.read(operator, shown.customer.id)
        return await _contained(shown, Tab.ENTITLEMENTS, _entitlements, advice=told, failed=FAILED)
    return await _contained(shown, Tab.OVERVIEW, _overview, failed="This could not be read.")


async def _found(id: str, operator: Operator) -> Shown:
    if ids.prefix_of(id) is not Prefix.CUSTOMER:
        raise NotFound("customer")
    async with operator.context.database.snapshot() as session:
        found = await operator.context.services.customers(operator.context.caller).by_id(session, [id])
        if id not in found:
            raise NotFound("customer")
        owners = await owners_of(session, operator, [found[id]])
    return Shown(operator=operator, customer=found[id], owner=owners[id])


async def _contained(shown: Shown, tab: Tab, read: Callable[[Shown], Awaitable[object]], **values: object) -> Response:
    """Show a tab; where reading or showing it fails, for whatever reason, say so in the place of all of it."""
    outcome = await contained(_tab(shown, tab, read, values), log=log, where=f"operators' page: {shown.customer.id}")
    return outcome.value or _page(shown, tab, None, values)


async def _tab(
    shown: Shown, tab: Tab, read: Callable[[Shown], Awaitable[object]], values: Mapping[str, object]
) -> Response:
    return _page(shown, tab, await read(shown), values)


def _page(shown: Shown, tab: Tab, read: object, values: Mapping[str, object]) -> Response:
    own = {"operator": shown.operator, "shown": shown, "tab": tab, "tabs": list(Tab), "read": read}
    return pages.html(f"{tab}.html", {**values, **own})


async def _overview(shown: Shown) -> Overview:
    customer, context = shown.customer, shown.operator.context
    async with context.database.snapshot() as session:
        accounts = (await billing.accounts_of(session, [customer.id])).get(customer.id, [])
        found = await page_of(session, billing.subscriptions_of(customer.id), Page(size=MOST_ROWS))
    plan_of = context.services.catalog.plan_of_price
    dressed = [BillingSubscription.dress(row) for row in found.rows]
    return Overview(
        seats=await shown.seats(),
        accounts=accounts,
        subscriptions=[
            Subscription(dressed=each, plans=tuple(plan_of.get(item.price_id) for item in each.items))
            for each in dressed
        ],
        more=found.has_next,
    )


async def _entitlements(shown: Shown) -> Entitlements | None:
    """Read what the customer has; None when it could not be worked out."""
    customer, context = shown.customer, shown.operator.context
    services, caller = context.services, context.caller
    answers = (await services.entitlements.visible(services.customers(caller), [customer.id]))[customer.id]
    if answers.resolved.failed:
        return None
    async with context.database.snapshot() as session:
        page = Page(size=MOST_ROWS)
        overrides = await page_of(session, overrides_of(customer.id, living_at=answers.as_of), page)
        granting = [row.created_by for row in overrides.rows]
        users = await services.reading(caller).users_by_id(session, granting)
    authors = {id: user.label or user.subject for id, user in users.items()}
    access = Access(answers=answers, seats=await shown.seats())
    return Entitlements(access=access, overrides=list(overrides.rows), authors=authors)

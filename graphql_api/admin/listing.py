"""The first page: all customers, newest first, or those that a search finds.

A replica may say which customers there are; what they have is asked where it is decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from domain.billing import Customer
from domain.db import Session, page_of
from domain.entitlements import EntitlementSet
from graphql_api.admin import pages
from graphql_api.admin.door import Operator
from graphql_api.admin.finding import Finding
from graphql_api.admin.owners import Owner, owners_of
from graphql_api.connections import PageInfo

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One customer of the list, with what it has at this moment."""

    customer: Customer
    owner: Owner
    answers: EntitlementSet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Customers with their owners, by the customers' ids. `place`: where the page of the list stands."""

    customers: Sequence[Customer]
    owners: Mapping[str, Owner]
    place: PageInfo | None = None


async def page(request: Request, operator: Operator) -> Response:
    """Show the list, or what was searched for; a search that finds one customer leads to it.

    Raises:
        InvalidCursor: the list is to be continued from a place that is none.
        Unavailable: the database could not be reached.
    """
    words = request.query_params.get("q", "").strip()
    if not words:
        return await _shown(operator, await _listed(request, operator), words=words)
    found = await _searched(words, operator)
    if len(found.customers) == 1:
        return pages.redirect(f"/admin/customers/{found.customers[0].id}")
    return await _shown(operator, found, words=words)


async def _searched(words: str, operator: Operator) -> Found:
    async def search(session: Session) -> Found:
        customers = await Finding.of(session, operator).find(words)
        return Found(customers=customers, owners=await owners_of(session, operator, customers))

    return await operator.context.services.replica.read(search)


async def _listed(request: Request, operator: Operator) -> Found:
    cursors = operator.context.cursors("customers of operators")
    after, before = request.query_params.get("after"), request.query_params.get("before")
    backward = before is not None and after is None
    wanted = cursors.page(None, None, PAGE_SIZE, before) if backward else cursors.page(PAGE_SIZE, after)
    listing = operator.context.services.customers(operator.context.caller).listed()

    async def read(session: Session) -> Found:
        found = await page_of(session, listing, wanted)
        _, place = cursors.edges(found, node=lambda row: row, place=lambda row: (row.created_at, row.id))
        return Found(customers=found.rows, owners=await owners_of(session, operator, found.rows), place=place)

    return await operator.context.services.replica.read(read)


async def _shown(operator: Operator, found: Found, *, words: str) -> Response:
    services, customers = operator.context.services, found.customers
    reading = services.customers(operator.context.caller)
    held = await services.entitlements.visible(reading, [each.id for each in customers]) if customers else {}
    lines = [Line(customer=each, owner=found.owners[each.id], answers=held.get(each.id)) for each in customers]
    return pages.html("customers.html", {"operator": operator, "words": words, "place": found.place, "lines": lines})

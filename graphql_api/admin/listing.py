"""The first page: all customers, newest first, or those that a search finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from domain.billing import Customer
from domain.db import page_of
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


async def page(request: Request, operator: Operator) -> Response:
    """Show the list, or what was searched for; a search that finds one customer leads to it.

    Raises:
        InvalidCursor: the list is to be continued from a place that is none.
        Unavailable: the database could not be reached.
    """
    words = request.query_params.get("q", "").strip()
    if not words:
        customers, place = await _listed(request, operator)
        return await _shown(operator, customers, words=words, place=place)
    async with operator.context.database.snapshot() as session:
        found = await Finding.of(session, operator).find(words)
    if len(found) == 1:
        return pages.redirect(f"/admin/customers/{found[0].id}")
    return await _shown(operator, found, words=words, place=None)


async def _listed(request: Request, operator: Operator) -> tuple[Sequence[Customer], PageInfo]:
    cursors = operator.context.cursors("customers of operators")
    after, before = request.query_params.get("after"), request.query_params.get("before")
    backward = before is not None and after is None
    wanted = cursors.page(None, None, PAGE_SIZE, before) if backward else cursors.page(PAGE_SIZE, after)
    async with operator.context.database.snapshot() as session:
        found = await page_of(session, operator.context.services.customers(operator.context.caller).listed(), wanted)
    _, place = cursors.edges(found, node=lambda row: row, place=lambda row: (row.created_at, row.id))
    return found.rows, place


async def _shown(operator: Operator, customers: Sequence[Customer], *, words: str, place: PageInfo | None) -> Response:
    services = operator.context.services
    async with operator.context.database.snapshot() as session:
        owners = await owners_of(session, operator, customers)
    reading = services.customers(operator.context.caller)
    held = await services.entitlements.visible(reading, [each.id for each in customers]) if customers else {}
    lines = [Line(customer=each, owner=owners[each.id], answers=held.get(each.id)) for each in customers]
    return pages.html("customers.html", {"operator": operator, "words": words, "place": place, "lines": lines})

"""The demo's host: what an application of yours would add to Seatgate, here fields behind a feature and a plan."""

import strawberry
from starlette.applications import Starlette
from strawberry import Info

from domain.db import Page, page_of
from domain.entitlements import Billable
from domain.organizations import memberships_of
from domain.settings import Settings
from graphql_api.app import create_app
from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.permissions import require_feature, require_plan


@described
class Report:
    """A report of the demo's host."""

    title: str
    pages: int


async def organization_of_caller(source: object, info: Info[Context, None]) -> Billable | None:  # noqa: ARG001 - the seam's signature
    """Bill whichever organization the caller joined first; identity comes from the credential alone."""
    scope, services = info.context.caller, info.context.services
    async with info.context.database.snapshot() as session:
        joined = await page_of(session, memberships_of(scope.actor.id), Page(size=1))
        if not joined.rows:
            return None
        return await services.reading(scope).organization(session, id=joined.rows[0].organization_id)


@described
class HostQuery:
    """The host's own reads."""

    @require_feature("reports", billable=organization_of_caller)
    @strawberry.field
    def reports(self) -> list[Report]:
        """Reports, for organizations whose plan has the feature `reports`."""
        return [Report(title="Seats by month", pages=3), Report(title="Churn", pages=7)]

    @require_plan("team", billable=organization_of_caller)
    @strawberry.field
    def forecast(self) -> Report:
        """A forecast, for organizations that hold the plan `team`."""
        return Report(title="Seats next year", pages=12)


def demo_app(settings: Settings) -> Starlette:
    """Make Seatgate with the demo's host on top."""
    return create_app(settings, query=(HostQuery,))

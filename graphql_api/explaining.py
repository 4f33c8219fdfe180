"""Why a feature is granted or not, and what would turn it."""

from datetime import datetime

import strawberry

from domain import entitlements
from domain.errors import Forbidden
from graphql_api.catalog import CatalogPlan
from graphql_api.customers import ContextInfo
from graphql_api.described import described
from graphql_api.entitlements import Decision, answers_at


@described
class Explanation:
    """A decision with its chain, and what would turn it."""

    answers: strawberry.Private[entitlements.EntitlementSet]
    feature: strawberry.Private[str]
    as_of: datetime
    catalog_version: str
    would_grant: list[CatalogPlan] = strawberry.field(
        description="The plans that have it, by name; empty when granted, or when no plan has it."
    )

    @strawberry.field
    def decision(self, info: ContextInfo) -> Decision | None:
        """The decision."""
        return Decision.of(self.answers, self.feature, caller=info.context.caller)


async def explain(
    info: ContextInfo,
    customer_id: strawberry.ID,
    feature: str,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
) -> Explanation | None:
    """Why a feature is granted or not, and what would grant it. Administrators, and the OWNER for the own customer."""
    answers = await answers_at(customer_id, as_of, known_at)
    if answers is None:
        return None
    if not answers.owned_by(info.context.caller):
        raise Forbidden
    return Explanation(
        answers=answers,
        feature=feature,
        as_of=answers.as_of,
        catalog_version=answers.catalog.version,
        would_grant=[CatalogPlan.of(plan) for plan in answers.would_grant(feature)],
    )

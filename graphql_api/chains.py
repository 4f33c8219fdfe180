"""Why an answer is what it is, link by link, as the outside sees it. Told to administrators and to the OWNER alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry import Info

from domain import billing
from domain.entitlements import Step
from graphql_api import loaders
from graphql_api.context import Context
from graphql_api.customers import BillingSubscription
from graphql_api.described import described
from graphql_api.enums import DecisionStepKind
from graphql_api.overrides import Override
from graphql_api.webhook_events import SubscriptionFact


@described
class DecisionStep:
    """One link, first to last: subscription and its newest fact, item, plan, feature or limit, override.

    The decision can be computed again from its chain.
    """

    step: strawberry.Private[Step]
    heard: strawberry.Private[Mapping[str, billing.SubscriptionFact] | None]
    kind: DecisionStepKind
    counts: bool = strawberry.field(description="Whether it carried on to the answer.")
    detail: str = strawberry.field(description="One sentence for people.")
    price_id: str | None
    item_quantity: int | None
    plan: str | None
    key: str | None = strawberry.field(description="Feature or limit.")
    value: int | None = strawberry.field(description="Of a limit, after this step.")
    until: datetime | None = strawberry.field(description="When this step changes by itself, inclusive.")

    @classmethod
    def dress(cls, step: Step, heard: Mapping[str, billing.SubscriptionFact] | None) -> "DecisionStep":
        """Dress a link; `heard` are the facts of its moment, None is now."""
        return cls(
            step=step,
            heard=heard,
            kind=step.kind,
            counts=step.counts,
            detail=step.detail,
            price_id=step.price_id,
            item_quantity=step.item_quantity,
            plan=step.plan,
            key=step.key,
            value=step.value,
            until=step.until,
        )

    @strawberry.field
    async def subscription(self) -> BillingSubscription | None:
        """The subscription as it is now; the state that counted is in fact."""
        id = self.step.subscription_id
        return None if id is None else BillingSubscription.of(await loaders.current().subscriptions.load(id))

    @strawberry.field
    async def fact(self, info: Info[Context, Any]) -> SubscriptionFact | None:
        """What was heard of a subscription last; told to administrators, and on the subscription's own link."""
        id = self.step.subscription_id
        if id is None or self.kind is not DecisionStepKind.SUBSCRIPTION or not info.context.caller.administrator:
            return None
        found = loaders.current()
        row = await found.subscriptions.load(id)
        newest = await found.newest_facts.load(id) if self.heard is None else self.heard.get(id)
        return None if row is None or newest is None else SubscriptionFact.dress(newest, row)

    @strawberry.field
    async def override(self) -> Override | None:
        """The override that gives it, or gave it."""
        id = self.step.override_id
        return None if id is None else Override.of(await loaders.current().overrides.load(id))


def dressed(
    chain: Sequence[Step] | None, heard: Mapping[str, billing.SubscriptionFact] | None
) -> list[DecisionStep] | None:
    """Dress a chain, or none."""
    return None if chain is None else [DecisionStep.dress(step, heard) for step in chain]

"""Customers and their mirrored subscriptions as the outside sees them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Optional

import strawberry
from strawberry import Info

from domain import billing
from domain.billing import lifecycle, subscriptions_of
from domain.errors import InvalidInput
from domain.scope import Role
from graphql_api import loaders
from graphql_api.advisory import AdvisoryEntitlements
from graphql_api.catalog import CatalogPlan
from graphql_api.connections import Connection
from graphql_api.context import Context
from graphql_api.described import described, described_input
from graphql_api.enums import AdvisoryState, ApiScope, PauseBehavior, ProcessorName, SubscriptionStatus
from graphql_api.identity import User
from graphql_api.node import Node
from graphql_api.organizations import Organization
from graphql_api.permissions import require_scope

if TYPE_CHECKING:
    from graphql_api.entitlements import EntitlementSet
    from graphql_api.overrides import Override
    from graphql_api.webhook_events import SubscriptionFact

AnEntitlementSet = Annotated["EntitlementSet", strawberry.lazy("graphql_api.entitlements")]
AnOverride = Annotated["Override", strawberry.lazy("graphql_api.overrides")]
ASubscriptionFact = Annotated["SubscriptionFact", strawberry.lazy("graphql_api.webhook_events")]
CustomerOwner = Annotated[
    Organization | User,
    strawberry.union("CustomerOwner", description="An organization or a person; never changes."),
]
ContextInfo = Info[Context, None]


@described
class ProcessorAccount:
    """The customer at a processor."""

    processor: ProcessorName
    livemode: bool
    processor_id: str
    linked_at: datetime


@described_input
class ProcessorAccountRef:
    """Names a customer as the processor does."""

    processor: ProcessorName
    processor_id: str


@described
class PauseCollection:
    """Collection is paused; behavior null: the processor gave none."""

    behavior: PauseBehavior | None
    resumes_at: datetime | None


@described
class BillingSubscriptionItem:
    """A price and how many of it (null counts as 0)."""

    processor_id: str
    price_id: str
    quantity: int | None
    current_period_start: datetime | None
    current_period_end: datetime | None

    @strawberry.field
    def plan(self, info: ContextInfo) -> CatalogPlan | None:
        """The plan that has this price; null: the catalog does not know it."""
        plan = info.context.services.catalog.find_price(self.price_id)
        return CatalogPlan.of(plan) if plan else None


@described
class BillingSubscription(Node):
    """The mirror's row of one subscription: the fold of its facts."""

    id: strawberry.ID
    row: strawberry.Private[billing.BillingSubscription]
    processor: ProcessorName
    livemode: bool
    processor_id: str
    status: SubscriptionStatus
    entitling: bool = strawberry.field(description="Whether it grants what its prices stand for, without grace.")
    items: list[BillingSubscriptionItem]
    current_period_start: datetime | None = strawberry.field(description="Earliest over the items.")
    current_period_end: datetime | None = strawberry.field(description="Latest over the items.")
    trial_end: datetime | None
    cancel_at: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    pause_collection: PauseCollection | None = strawberry.field(description="Present: paused.")
    past_due_since: datetime | None
    last_fact_at: datetime = strawberry.field(description="The processor's time of the newest fact.")
    fetch_owed: bool = strawberry.field(description="Ambiguous: a fetch is due, until then the lesser state counts.")

    @classmethod
    def of(cls, row: billing.BillingSubscription | None) -> Optional["BillingSubscription"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: billing.BillingSubscription) -> "BillingSubscription":
        """Dress a row."""
        state = row.current
        starts = [item.current_period_start for item in state.items if item.current_period_start]
        pause = state.pause_collection
        return cls(
            id=strawberry.ID(row.id),
            row=row,
            processor=row.processor,
            livemode=row.livemode,
            processor_id=row.processor_id,
            status=row.status,
            entitling=lifecycle.entitling(state),
            items=[_item(item) for item in state.items],
            current_period_start=min(starts, default=None),
            current_period_end=lifecycle.period_end(state),
            trial_end=state.trial_end,
            cancel_at=state.cancel_at,
            cancel_at_period_end=state.cancel_at_period_end,
            ended_at=state.ended_at,
            pause_collection=PauseCollection(behavior=pause.behavior, resumes_at=pause.resumes_at) if pause else None,
            past_due_since=row.past_due_since,
            last_fact_at=row.last_fact_at,
            fetch_owed=row.fetch_owed,
        )

    @strawberry.field
    async def customer(self) -> Optional["Customer"]:
        """Who pays."""
        return Customer.of(await loaders.current().customers.load(self.row.customer_id))

    @strawberry.field
    def base(self, info: ContextInfo) -> bool:
        """False: every item is an add-on."""
        return info.context.services.catalog.has_base(item.price_id for item in self.items)

    @strawberry.field(extensions=[require_scope(ApiScope.ADMIN)])  # type: ignore[untyped-decorator]  # strawberry types it only without arguments
    async def facts(
        self,
        info: ContextInfo,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[ASubscriptionFact] | None:
        """Everything the processor has said of it, in fold order."""
        from graphql_api.webhook_events import fact_connection

        return await fact_connection(info, self.row, first, after, last, before)

    @strawberry.field
    def grace_end(self, info: ContextInfo) -> datetime | None:
        """The last instant of grace, inclusive; null when the catalog grants none or the state has none."""
        return lifecycle.grace_end(self.row.current, self.row.past_due_since, info.context.services.catalog.grace)


def _item(item: billing.Item) -> BillingSubscriptionItem:
    return BillingSubscriptionItem(
        processor_id=item.processor_id,
        price_id=item.price_id,
        quantity=item.quantity,
        current_period_start=item.current_period_start,
        current_period_end=item.current_period_end,
    )


@described
class Customer(Node):
    """Who pays: one for each organization and each user, for ever."""

    id: strawberry.ID
    row: strawberry.Private[billing.Customer]
    created_at: datetime

    @classmethod
    def of(cls, row: billing.Customer | None) -> Optional["Customer"]:
        """Dress a row."""
        return None if row is None else cls(id=strawberry.ID(row.id), row=row, created_at=row.created_at)

    @strawberry.field
    async def owner(self) -> CustomerOwner | None:
        """The organization or person that the customer belongs to."""
        if self.row.organization_id is not None:
            return Organization.of(await loaders.current().organizations.load(self.row.owner_id))
        return User.of(await loaders.current().users.load(self.row.owner_id))

    @strawberry.field
    async def subscriptions(
        self,
        info: ContextInfo,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[BillingSubscription] | None:
        """The customer's subscriptions, newest first, ended ones included."""
        cursors = info.context.cursors(f"subscriptions of {self.row.id}")
        page = cursors.page(first, after, last, before)
        found = await loaders.current().lists.page(subscriptions_of(self.row.id), page)
        return cursors.connection(found, node=BillingSubscription.dress, place=lambda row: (row.created_at, row.id))

    @strawberry.field
    async def processor_accounts(self, info: ContextInfo) -> list[ProcessorAccount] | None:
        """At most one for each processor; told to the OWNER, billing:write and administrators."""
        if not await self._owned(info):
            return None
        accounts = await loaders.current().accounts.load(self.row.id) or []
        return [
            ProcessorAccount(
                processor=account.processor,
                livemode=account.livemode,
                processor_id=account.processor_id,
                linked_at=account.linked_at,
            )
            for account in accounts
        ]

    @strawberry.field
    async def entitlements(self) -> AnEntitlementSet | None:
        """What the customer has paid for."""
        from graphql_api.entitlements import EntitlementSet

        return EntitlementSet.of(await loaders.current().entitlements.load(self.row.id))

    @strawberry.field(extensions=[require_scope(ApiScope.ADMIN)])  # type: ignore[untyped-decorator]  # strawberry types it only without arguments
    async def overrides(
        self,
        info: ContextInfo,
        include_ended: bool = False,  # noqa: FBT001, FBT002 - GraphQL hands arguments over by name
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[AnOverride] | None:
        """What the customer has beyond its plans, newest first; what has ended only with includeEnded."""
        from graphql_api.overrides import override_connection

        return await override_connection(info, self.row.id, first, after, last, before, include_ended=include_ended)

    @strawberry.field(extensions=[require_scope(ApiScope.ADMIN)])  # type: ignore[untyped-decorator]  # strawberry types it only without arguments
    async def advisory(self, info: ContextInfo) -> AdvisoryEntitlements | None:
        """What Stripe says; no gate reads it."""
        if info.context.services.pulling is None:
            return AdvisoryEntitlements(state=AdvisoryState.DISABLED)
        return AdvisoryEntitlements.of(await loaders.current().summaries.load(self.row.id))

    async def _owned(self, info: ContextInfo) -> bool:
        caller = info.context.caller
        if caller.administrator or self.row.owner_id == caller.user_id:
            return True
        return await loaders.current().roles.load(self.row.owner_id) is Role.OWNER


async def find_customer(
    info: ContextInfo, id: strawberry.ID | None = None, account: ProcessorAccountRef | None = None
) -> Customer | None:
    """One customer by our id, or by a processor's (administrators and host keys); exactly one way."""
    if (id is None) == (account is None):
        raise InvalidInput("Give exactly one of id and account.")
    if id is not None:
        return Customer.of(await loaders.current().customers.load(id))
    assert account is not None
    info.context.caller.require_administrator()
    reading = info.context.services.customers(info.context.caller)
    async with info.context.database.snapshot() as session:
        return Customer.of(
            await reading.by_account(session, processor=account.processor, processor_id=account.processor_id)
        )

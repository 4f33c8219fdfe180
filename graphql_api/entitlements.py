"""What a customer has paid for, as the outside sees it: all answers from one read."""

from datetime import datetime
from typing import Any, Optional

import strawberry
from strawberry import Info

from domain import entitlements
from domain.entitlements import UNLIMITED, Reason
from domain.errors import InvalidInput
from domain.scope import Role, Scope
from graphql_api import loaders
from graphql_api.chains import DecisionStep, dressed
from graphql_api.context import Context
from graphql_api.customers import Customer
from graphql_api.described import described
from graphql_api.enums import DecisionReason

ContextInfo = Info[Context, None]
MOST_NAMES = 100


@described
class Quantity:
    """A limit. used and remaining: for seats and what the host counts with limited(…), null otherwise and with asOf."""

    answers: strawberry.Private[entitlements.EntitlementSet]
    key: str
    value: int
    unlimited: bool

    @strawberry.field
    async def used(self, info: ContextInfo) -> int | None:
        """How many are taken."""
        seats = await self._seats()
        return seats.used if seats else await self._counted(info)

    @strawberry.field
    async def remaining(self, info: ContextInfo) -> int | None:
        """How many are left, never below zero."""
        if seats := await self._seats():
            return seats.available
        used = await self._counted(info)
        return None if used is None or self.unlimited else max(0, self.value - used)

    @strawberry.field
    def chain(self, info: ContextInfo) -> list[DecisionStep] | None:
        """What leads to the value, link by link; told to administrators and the OWNER."""
        told = self.answers.may_be_explained_to(info.context.caller)
        return dressed(self.answers.chain_of_limit(self.key), self.answers.heard) if told else None

    # How many were taken then is not kept, and how many are taken now says nothing of then.
    async def _seats(self) -> entitlements.SeatUsage | None:
        organization_id = self.answers.customer.organization_id
        if organization_id is None or self.key != self.answers.catalog.seat_limit or self.answers.looked_back:
            return None
        return await loaders.current().seats.load(organization_id)

    async def _counted(self, info: ContextInfo) -> int | None:
        if self.key not in info.context.services.counting.keys or self.answers.looked_back:
            return None
        used = await loaders.current().counted.load(self.answers.customer.id)
        return None if used is None else used[self.key]


@described
class Decision:
    """One feature's answer; an unknown feature is not granted and no error."""

    answers: strawberry.Private[entitlements.EntitlementSet]
    feature: str
    granted: bool
    reason: DecisionReason | None = strawberry.field(
        description="Null to the role MEMBER; ERROR is told to administrators alone, others read NOT_ENTITLED."
    )
    valid_until: datetime | None = strawberry.field(
        description="The last instant at which this surely holds without news, inclusive; null: nothing is due."
    )

    @classmethod
    def of(cls, answers: entitlements.EntitlementSet, feature: str, *, caller: Scope) -> "Decision":
        """Dress a decision as far as the caller may know it."""
        made = answers.decide(feature)
        reason: Any = made.reason
        if not caller.administrator and answers.role is Role.MEMBER:
            reason = None
        elif not caller.administrator and reason is Reason.ERROR:
            reason = Reason.NOT_ENTITLED
        return cls(answers=answers, feature=feature, granted=made.granted, reason=reason, valid_until=made.valid_until)

    @strawberry.field
    def chain(self, info: ContextInfo) -> list[DecisionStep] | None:
        """What leads to it, link by link; told to administrators and the OWNER."""
        told = self.answers.may_be_explained_to(info.context.caller)
        return dressed(self.answers.chain_of(self.feature), self.answers.heard) if told else None


@described
class EntitlementSet:
    """All answers for one customer at one instant, from one read."""

    answers: strawberry.Private[entitlements.EntitlementSet]
    as_of: datetime = strawberry.field(description="The instant it is true for.")
    known_at: datetime = strawberry.field(description="What was recorded by then.")
    catalog_version: str = strawberry.field(description="Content hash.")
    valid_until: datetime | None = strawberry.field(
        description="The last instant at which all of this surely holds without news, inclusive; null: nothing is due."
    )
    plans: list[str] = strawberry.field(description="Held, in grace included; sorted.")
    features: list[str] = strawberry.field(description="Sorted.")

    @classmethod
    def of(cls, answers: entitlements.EntitlementSet | None) -> Optional["EntitlementSet"]:
        """Dress the answers."""
        if answers is None:
            return None
        return cls(
            answers=answers,
            as_of=answers.as_of,
            known_at=answers.known_at,
            catalog_version=answers.catalog.version,
            valid_until=answers.resolved.valid_until,
            plans=sorted(answers.resolved.plans),
            features=sorted(answers.resolved.features),
        )

    @strawberry.field
    def customer(self) -> Customer | None:
        """Whose answers these are."""
        return Customer.of(self.answers.customer)

    @strawberry.field
    def revision(self) -> str:
        """Digest of the answers and catalogVersion: a cache key."""
        return self.answers.revision

    @strawberry.field
    def quantities(self) -> list[Quantity]:
        """Every limit that the customer has, sorted by key."""
        return [self._quantity(key, value) for key, value in self.answers.resolved.quantities.items()]

    @strawberry.field
    def entitled(self, feature: str) -> bool:
        """Whether the customer has a feature."""
        return self.answers.decide(feature).granted

    @strawberry.field
    def has_active_plan(self, plan: str) -> bool:
        """Whether the customer holds a plan, by its name or a price id."""
        return self.answers.holds(plan)

    @strawberry.field
    def quantity(self, key: str) -> int:
        """How many; 0 when absent, unlimited = 2147483647."""
        return self.answers.quantity(key)

    @strawberry.field
    def decisions(self, info: ContextInfo, features: list[str] | None = None) -> list[Decision]:
        """An answer for each feature; every feature of the catalog when not named; at most 100 names."""
        if features is not None and len(features) > MOST_NAMES:
            raise InvalidInput(f"At most {MOST_NAMES} features at a time.")
        names = self.answers.catalog.features if features is None else features
        return [Decision.of(self.answers, name, caller=info.context.caller) for name in names]

    def _quantity(self, key: str, value: int) -> Quantity:
        return Quantity(answers=self.answers, key=key, value=value, unlimited=value == UNLIMITED)


async def find_entitlements(
    customer_id: strawberry.ID, as_of: datetime | None = None, known_at: datetime | None = None
) -> EntitlementSet | None:
    """What the customer has paid for; as true at asOf, as recorded by knownAt: for administrators and the OWNER."""
    return EntitlementSet.of(await answers_at(customer_id, as_of, known_at))


async def answers_at(
    customer_id: str, as_of: datetime | None, known_at: datetime | None
) -> entitlements.EntitlementSet | None:
    """Find a customer's answers, of now where neither instant is given; None for what is missing or not the caller's.

    Raises:
        Forbidden: the caller does not hear of this customer's past.
        InvalidInput: nothing is known of that moment.
    """
    if as_of is None and known_at is None:
        return await loaders.current().entitlements.load(customer_id)
    return await loaders.current().entitlements_at(customer_id, as_of, known_at)


async def list_entitlements(info: ContextInfo, customer_ids: list[strawberry.ID]) -> list[EntitlementSet | None] | None:
    """The same for at most 100 customers in one read; null at the place of one that is missing or not yours."""
    if len(customer_ids) > loaders.BATCH:
        raise InvalidInput(f"At most {loaders.BATCH} customers at a time.")
    services = info.context.services
    found = await services.entitlements.visible(services.customers(info.context.caller), customer_ids)
    return [EntitlementSet.of(found.get(customer_id)) for customer_id in customer_ids]

"""Giving customers more than they have paid for, and taking that back. Administrators only."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from domain import entitlements
from domain.entitlements import Wish
from domain.errors import NotFound
from domain.idempotency import Answer
from graphql_api import loaders, unit_of_work
from graphql_api.customers import ContextInfo
from graphql_api.described import described, described_input
from graphql_api.entitlements import EntitlementSet
from graphql_api.overrides import Override
from graphql_api.user_errors import (
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
)

GrantOverrideError = Annotated[
    InvalidInputError | NotFoundError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("GrantOverrideError", description="Refusals of grantOverride."),
]
RevokeOverrideError = Annotated[
    InvalidInputError | NotFoundError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("RevokeOverrideError", description="An override that has ended is InvalidInputError."),
]


@described_input
class GrantOverrideInput:
    """Exactly one of feature and limit; with limit exactly one of value and unlimited: true.

    Without expiresAt it lasts until revoked.
    """

    customer_id: strawberry.ID
    feature: str | None = None
    limit: str | None = None
    value: int | None = None
    unlimited: bool = False
    reason: str
    expires_at: datetime | None = None
    idempotency_key: str | None = None

    @property
    def wish(self) -> Wish:
        """Say in the domain's words what shall be given."""
        return Wish(feature=self.feature, limit=self.limit, value=self.value, unlimited=self.unlimited)


@described_input
class RevokeOverrideInput:
    """Which override ends, and why."""

    override_id: strawberry.ID
    reason: str
    idempotency_key: str | None = None


class _Overridden:
    """What both payloads have in common."""

    override: Override | None

    def answer(self) -> Answer:
        """Give what a replay of the request is made of."""
        assert self.override is not None
        return {"override_id": self.override.row.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the override as it is now."""
        info.context.caller.require_administrator()
        found = await loaders.current().overrides.load(answer["override_id"])
        if found is None:
            raise NotFound("override")
        return cls.dress(found)

    @classmethod
    def dress(cls, row: entitlements.Override) -> Self:
        """Make the payload."""
        return cls(override=Override.dress(row))  # type: ignore[call-arg]  # both payloads are dataclasses that take it

    async def _answers(self) -> EntitlementSet | None:
        if self.override is None:
            return None
        return EntitlementSet.of(await loaders.current().entitlements.load(self.override.row.customer_id))


@described
class GrantOverridePayload(_Overridden):
    """The override, and what the customer has with it."""

    override: Override | None = None
    errors: list[GrantOverrideError] = strawberry.field(default_factory=list)

    @strawberry.field
    async def entitlements(self) -> EntitlementSet | None:
        """What the customer has now."""
        return await self._answers()


@described
class RevokeOverridePayload(_Overridden):
    """The override, and what the customer has without it."""

    override: Override | None = None
    errors: list[RevokeOverrideError] = strawberry.field(default_factory=list)

    @strawberry.field
    async def entitlements(self) -> EntitlementSet | None:
        """What the customer has now."""
        return await self._answers()


async def grant_override(info: ContextInfo, input: GrantOverrideInput) -> GrantOverridePayload | None:
    """Give a customer a feature or a higher limit, for a reason and for as long as wanted."""
    row = await info.context.services.overriding.grant(
        unit_of_work.session(),
        scope=info.context.caller,
        customer_id=input.customer_id,
        wish=input.wish,
        reason=input.reason,
        expires_at=input.expires_at,
    )
    return GrantOverridePayload.dress(row)


async def revoke_override(info: ContextInfo, input: RevokeOverrideInput) -> RevokeOverridePayload | None:
    """End an override at once; nobody whom it let in is removed."""
    row = await info.context.services.overriding.revoke(
        unit_of_work.session(), scope=info.context.caller, override_id=input.override_id, reason=input.reason
    )
    return RevokeOverridePayload.dress(row)

"""Handing an organization on: one input, one payload, one transaction."""

from typing import Annotated, Self

import strawberry

from domain.idempotency import Answer
from graphql_api import unit_of_work
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope
from graphql_api.organizations import ContextInfo, Membership
from graphql_api.scalars import JSON
from graphql_api.user_errors import (
    CallbackRefusedError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
    StepUpRequiredError,
)

TransferOwnershipError = Annotated[
    InvalidInputError
    | NotFoundError
    | CallbackRefusedError
    | StepUpRequiredError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union("TransferOwnershipError", description="Refusals of transferOwnership."),
]


@described_input
class TransferOwnershipInput:
    """Which organization is handed on, and to whom; the caller becomes ADMIN."""

    organization_id: strawberry.ID
    membership_id: strawberry.ID = strawberry.field(description="The member who becomes OWNER.")
    step_up: JSON | None = None
    idempotency_key: str | None = None


@described
class TransferOwnershipPayload:
    """Both memberships as they are now."""

    new_owner: Membership | None = None
    former_owner: Membership | None = strawberry.field(
        default=None, description="Null when an administrator who was no OWNER has handed it on."
    )
    organization_id: strawberry.Private[str | None] = None
    errors: list[TransferOwnershipError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.new_owner is not None
        former = self.former_owner.id if self.former_owner else None
        return {"organization_id": self.organization_id, "new_owner": self.new_owner.id, "former_owner": former}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show both memberships as they are now, to whoever is still in the organization."""
        services, scope, session = info.context.services, info.context.caller, unit_of_work.session()
        await services.ownership.authorize(session, scope=scope, organization_id=answer["organization_id"])
        ids = [id for id in (answer["new_owner"], answer["former_owner"]) if id]
        found = await services.reading(scope, by=ApiScope.MEMBERS_WRITE).memberships_by_id(session, ids)
        return cls(
            new_owner=Membership.of(found.get(answer["new_owner"])),
            former_owner=Membership.of(found.get(answer["former_owner"])),
            organization_id=answer["organization_id"],
        )


async def transfer_ownership(info: ContextInfo, input: TransferOwnershipInput) -> TransferOwnershipPayload | None:
    """Hand an organization on: a member becomes OWNER, and the caller ADMIN."""
    services, session, scope = info.context.services, unit_of_work.session(), info.context.caller
    await services.step_up.require(session, scope=scope, action="transferOwnership", proof=input.step_up)
    done = await services.ownership.transfer(
        session, scope=scope, organization_id=input.organization_id, membership_id=input.membership_id
    )
    return TransferOwnershipPayload(
        new_owner=Membership.of(done.new_owner),
        former_owner=Membership.of(done.former_owner),
        organization_id=done.new_owner.organization_id,
    )

"""Writes of memberships: one input, one payload, one transaction each."""

from typing import Annotated, Self

import strawberry

from domain.idempotency import Answer
from domain.organizations import UserRef
from domain.scope import Scope
from graphql_api import loaders, unit_of_work
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope, MemberRole
from graphql_api.organizations import ContextInfo, Membership, SeatUsage
from graphql_api.user_errors import (
    AlreadyMemberError,
    CallbackRefusedError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    LastOwnerError,
    NotFoundError,
    SeatLimitReachedError,
)

AddMemberError = Annotated[
    InvalidInputError
    | NotFoundError
    | AlreadyMemberError
    | SeatLimitReachedError
    | CallbackRefusedError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union("AddMemberError", description="Refusals of addMember."),
]
RemoveMemberError = Annotated[
    NotFoundError | LastOwnerError | CallbackRefusedError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("RemoveMemberError", description="Refusals; never for a limit, a subscription or a processor."),
]
LeaveOrganizationError = Annotated[
    NotFoundError | LastOwnerError | CallbackRefusedError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("LeaveOrganizationError", description="Refusals of leaveOrganization."),
]
ChangeMemberRoleError = Annotated[
    NotFoundError | LastOwnerError | CallbackRefusedError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("ChangeMemberRoleError", description="Refusals of changeMemberRole."),
]


@described_input
class AddMemberInput:
    """Exactly one of userId and email; email finds users with that verified address."""

    organization_id: strawberry.ID
    user_id: strawberry.ID | None = None
    email: str | None = None
    role: MemberRole = MemberRole.MEMBER
    idempotency_key: str | None = None


@described
class AddMemberPayload:
    """The membership, and the seats after it."""

    membership: Membership | None = None
    organization_id: strawberry.Private[str | None] = None
    errors: list[AddMemberError] = strawberry.field(default_factory=list)

    @strawberry.field
    async def seats(self) -> SeatUsage | None:
        """The seats after it."""
        return await _seats(self.organization_id)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.membership is not None
        row = self.membership.row
        return {"membership_id": row.id, "organization_id": row.organization_id, "role": row.role}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the membership as it is now, to whoever may still give the role that it was given with."""
        await _authorize(info, answer)
        reading = info.context.services.reading(info.context.caller, by=ApiScope.MEMBERS_WRITE)
        found = await reading.membership(unit_of_work.session(), answer["membership_id"])
        return cls(membership=Membership.of(found), organization_id=answer["organization_id"])


@described_input
class RemoveMemberInput:
    """Whose place ends."""

    membership_id: strawberry.ID
    idempotency_key: str | None = None


@described
class RemoveMemberPayload:
    """The id that is gone, and the seats after it."""

    removed_membership_id: strawberry.ID | None = None
    organization_id: strawberry.Private[str | None] = None
    role: strawberry.Private[MemberRole | None] = None
    errors: list[RemoveMemberError] = strawberry.field(default_factory=list)

    @strawberry.field
    async def seats(self) -> SeatUsage | None:
        """The seats after it."""
        return await _seats(self.organization_id)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        return {
            "membership_id": self.removed_membership_id,
            "organization_id": self.organization_id,
            "role": self.role,
        }

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Name the membership that is gone, to whoever may still take the role that it had."""
        await _authorize(info, answer)
        return cls(removed_membership_id=answer["membership_id"], organization_id=answer["organization_id"])


@described_input
class LeaveOrganizationInput:
    """Which organization the caller leaves."""

    organization_id: strawberry.ID
    idempotency_key: str | None = None


@described
class LeaveOrganizationPayload:
    """The id that is gone."""

    removed_membership_id: strawberry.ID | None = None
    errors: list[LeaveOrganizationError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        return {"membership_id": self.removed_membership_id}

    @classmethod
    async def replayed(cls, _: ContextInfo, answer: Answer) -> Self:
        """Name the membership that is gone; the key is the caller's own, and so was the place."""
        return cls(removed_membership_id=answer["membership_id"])


@described_input
class ChangeMemberRoleInput:
    """Whose role becomes which."""

    membership_id: strawberry.ID
    role: MemberRole
    idempotency_key: str | None = None


@described
class ChangeMemberRolePayload:
    """The membership as it is now."""

    membership: Membership | None = None
    errors: list[ChangeMemberRoleError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of; giving and taking any role is the OWNER's."""
        assert self.membership is not None
        row = self.membership.row
        return {"membership_id": row.id, "organization_id": row.organization_id, "role": MemberRole.OWNER}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the membership as it is now, to whoever may still change roles."""
        await _authorize(info, answer)
        reading = info.context.services.reading(info.context.caller, by=ApiScope.MEMBERS_WRITE)
        found = await reading.membership(unit_of_work.session(), answer["membership_id"])
        return cls(membership=Membership.of(found))


async def add_member(info: ContextInfo, input: AddMemberInput) -> AddMemberPayload | None:
    """Give a user a place in an organization; refused when no seat is free."""
    added = await info.context.services.members.add(
        unit_of_work.session(),
        scope=info.context.caller,
        organization_id=input.organization_id,
        who=UserRef(id=input.user_id, email=input.email),
        role=input.role,
    )
    return AddMemberPayload(membership=Membership.of(added), organization_id=added.organization_id)


def by_address(scope: Scope, input: AddMemberInput) -> bool:
    """Say whether somebody is looked for by address, and not by who may see everybody anyway."""
    return input.email is not None and not scope.is_hosts(ApiScope.MEMBERS_WRITE)


async def remove_member(info: ContextInfo, input: RemoveMemberInput) -> RemoveMemberPayload | None:
    """End somebody's place in an organization and let the seat go."""
    removed = await info.context.services.members.remove(
        unit_of_work.session(), scope=info.context.caller, membership_id=input.membership_id
    )
    return RemoveMemberPayload(
        removed_membership_id=strawberry.ID(removed.id), organization_id=removed.organization_id, role=removed.role
    )


async def leave_organization(info: ContextInfo, input: LeaveOrganizationInput) -> LeaveOrganizationPayload | None:
    """End the caller's own place in an organization and let the seat go."""
    left = await info.context.services.members.leave(
        unit_of_work.session(), scope=info.context.caller, organization_id=input.organization_id
    )
    return LeaveOrganizationPayload(removed_membership_id=strawberry.ID(left.id))


async def change_member_role(info: ContextInfo, input: ChangeMemberRoleInput) -> ChangeMemberRolePayload | None:
    """Give a member another role."""
    changed = await info.context.services.members.change_role(
        unit_of_work.session(), scope=info.context.caller, membership_id=input.membership_id, role=input.role
    )
    return ChangeMemberRolePayload(membership=Membership.of(changed))


async def _authorize(info: ContextInfo, answer: Answer) -> None:
    """Ask again whether the caller may give or take the role that the first call was about."""
    await info.context.services.members.authorize(
        unit_of_work.session(),
        scope=info.context.caller,
        organization_id=answer["organization_id"],
        change_of=MemberRole(answer["role"]),
    )


async def _seats(organization_id: str | None) -> SeatUsage | None:
    # Read after the commit, by a loader: the transaction's session is gone by now.
    return None if organization_id is None else SeatUsage.of(await loaders.current().seats.load(organization_id))

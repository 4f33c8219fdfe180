"""Writes of organizations and memberships: one input, one payload, one transaction each."""

from typing import Annotated

import strawberry

from domain.organizations import UserRef
from graphql_api import loaders, unit_of_work
from graphql_api.described import described, described_input
from graphql_api.enums import MemberRole
from graphql_api.organizations import ContextInfo, Membership, Organization, SeatUsage
from graphql_api.user_errors import (
    AlreadyMemberError,
    CallbackRefusedError,
    InvalidInputError,
    LastOwnerError,
    NotFoundError,
    SeatLimitReachedError,
)

CreateOrganizationError = Annotated[
    InvalidInputError | NotFoundError | CallbackRefusedError,
    strawberry.union("CreateOrganizationError", description="Refusals; never for want of a seat."),
]
AddMemberError = Annotated[
    InvalidInputError | NotFoundError | AlreadyMemberError | SeatLimitReachedError | CallbackRefusedError,
    strawberry.union("AddMemberError", description="Refusals of addMember."),
]
RemoveMemberError = Annotated[
    NotFoundError | LastOwnerError | CallbackRefusedError,
    strawberry.union("RemoveMemberError", description="Refusals; never for a limit, a subscription or a processor."),
]


@described_input
class CreateOrganizationInput:
    """What to call it; the slug is made from the name when not given."""

    name: str
    slug: str | None = None
    external_id: str | None = None
    owner_id: strawberry.ID | None = strawberry.field(
        default=None, description="The founding OWNER when it is not the caller; for administrators and host keys."
    )


@described
class CreateOrganizationPayload:
    """The organization with its customer; the founder is in memberships."""

    organization: Organization | None = None
    errors: list[CreateOrganizationError] = strawberry.field(default_factory=list)


@described_input
class AddMemberInput:
    """Exactly one of userId and email; email finds users with that verified address."""

    organization_id: strawberry.ID
    user_id: strawberry.ID | None = None
    email: str | None = None
    role: MemberRole = MemberRole.MEMBER


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


@described_input
class RemoveMemberInput:
    """Whose place ends."""

    membership_id: strawberry.ID


@described
class RemoveMemberPayload:
    """The id that is gone, and the seats after it."""

    removed_membership_id: strawberry.ID | None = None
    organization_id: strawberry.Private[str | None] = None
    errors: list[RemoveMemberError] = strawberry.field(default_factory=list)

    @strawberry.field
    async def seats(self) -> SeatUsage | None:
        """The seats after it."""
        return await _seats(self.organization_id)


async def create_organization(info: ContextInfo, input: CreateOrganizationInput) -> CreateOrganizationPayload | None:
    """Found an organization and become its OWNER."""
    made = await info.context.services.organizations.create(
        unit_of_work.session(),
        scope=info.context.caller,
        name=input.name,
        slug=input.slug,
        external_id=input.external_id,
        owner_id=input.owner_id,
    )
    return CreateOrganizationPayload(organization=Organization.of(made))


async def add_member(info: ContextInfo, input: AddMemberInput) -> AddMemberPayload | None:
    """Give a user a place in an organization; refused when no seat is free."""
    added = await info.context.services.organizations.add_member(
        unit_of_work.session(),
        scope=info.context.caller,
        organization_id=input.organization_id,
        who=UserRef(id=input.user_id, email=input.email),
        role=input.role,
    )
    return AddMemberPayload(membership=Membership.of(added), organization_id=added.organization_id)


async def remove_member(info: ContextInfo, input: RemoveMemberInput) -> RemoveMemberPayload | None:
    """End somebody's place in an organization and let the seat go."""
    removed = await info.context.services.organizations.remove_member(
        unit_of_work.session(), scope=info.context.caller, membership_id=input.membership_id
    )
    return RemoveMemberPayload(removed_membership_id=strawberry.ID(removed.id), organization_id=removed.organization_id)


async def _seats(organization_id: str | None) -> SeatUsage | None:
    # Read after the commit, by a loader: the transaction's session is gone by now.
    return None if organization_id is None else SeatUsage.of(await loaders.current().seats.load(organization_id))

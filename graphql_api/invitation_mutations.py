"""Writes of invitations: one input, one payload, one transaction each."""

from typing import Annotated, Self

import strawberry

from domain.idempotency import Answer
from graphql_api import loaders, unit_of_work
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope, MemberRole
from graphql_api.invitations import ContextInfo, Invitation
from graphql_api.organizations import Membership, SeatUsage
from graphql_api.user_errors import (
    AlreadyMemberError,
    CallbackRefusedError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    InvitationInvalidError,
    NotFoundError,
    SeatLimitReachedError,
)

InviteMemberError = Annotated[
    InvalidInputError
    | NotFoundError
    | AlreadyMemberError
    | SeatLimitReachedError
    | CallbackRefusedError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union(
        "InviteMemberError", description="Refusals of inviteMember; CallbackRefusedError by before_invite."
    ),
]
AcceptInvitationError = Annotated[
    InvitationInvalidError
    | AlreadyMemberError
    | CallbackRefusedError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union(
        "AcceptInvitationError",
        description="Refusals of acceptInvitation; a living invitation is never refused for want of a seat.",
    ),
]
RevokeInvitationError = Annotated[
    InvalidInputError | NotFoundError | CallbackRefusedError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("RevokeInvitationError", description="Refusals of revokeInvitation."),
]


@described_input
class InviteMemberInput:
    """Inviting an address again supersedes its pending invitation."""

    organization_id: strawberry.ID
    email: str
    role: MemberRole = MemberRole.MEMBER
    idempotency_key: str | None = None


@described
class InviteMemberPayload:
    """The invitation with its token, and the seats after it."""

    invitation: Invitation | None = None
    token: str | None = strawberry.field(default=None, description="Shown once; null in a replay.")
    errors: list[InviteMemberError] = strawberry.field(default_factory=list)

    @strawberry.field
    async def seats(self) -> SeatUsage | None:
        """The seats after it."""
        return await _seats(self.invitation)

    def answer(self) -> Answer:
        """Give what a replay is made of; the token is no part of it."""
        return _answer(self.invitation)

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the invitation as it is now, to whoever may still offer its role."""
        return cls(invitation=await _again(info, answer))


@described_input
class AcceptInvitationInput:
    """The token of the mail; the caller's verified e-mail must be the invited one."""

    token: str
    idempotency_key: str | None = None


@described
class AcceptInvitationPayload:
    """The membership; the invitation's seat is now the member's."""

    membership: Membership | None = None
    errors: list[AcceptInvitationError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.membership is not None
        return {"membership_id": self.membership.row.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the membership as it is now; null when it has ended."""
        reading = info.context.services.reading(info.context.caller, by=ApiScope.MEMBERS_WRITE)
        return cls(membership=Membership.of(await reading.membership(unit_of_work.session(), answer["membership_id"])))


@described_input
class RevokeInvitationInput:
    """Which invitation ends; only a pending one can."""

    invitation_id: strawberry.ID
    idempotency_key: str | None = None


@described
class RevokeInvitationPayload:
    """The invitation, and the seats after it."""

    invitation: Invitation | None = None
    errors: list[RevokeInvitationError] = strawberry.field(default_factory=list)

    @strawberry.field
    async def seats(self) -> SeatUsage | None:
        """The seats after it."""
        return await _seats(self.invitation)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        return _answer(self.invitation)

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the invitation as it is now, to whoever may still take its role's offers back."""
        return cls(invitation=await _again(info, answer))


async def invite_member(info: ContextInfo, input: InviteMemberInput) -> InviteMemberPayload | None:
    """Offer a place to an e-mail address; it holds a seat until it ends, and refused when none is free."""
    invited = await info.context.services.invitations.invite(
        unit_of_work.session(),
        scope=info.context.caller,
        organization_id=input.organization_id,
        email=input.email,
        role=input.role,
    )
    return InviteMemberPayload(invitation=Invitation.of(invited.invitation), token=invited.token)


async def accept_invitation(info: ContextInfo, input: AcceptInvitationInput) -> AcceptInvitationPayload | None:
    """Take the place that was offered to the caller's verified e-mail address."""
    membership = await info.context.services.invitations.accept(
        unit_of_work.session(), scope=info.context.caller, token=input.token
    )
    return AcceptInvitationPayload(membership=Membership.of(membership))


async def revoke_invitation(info: ContextInfo, input: RevokeInvitationInput) -> RevokeInvitationPayload | None:
    """Take a pending offer back and let its seat go."""
    revoked = await info.context.services.invitations.revoke(
        unit_of_work.session(), scope=info.context.caller, invitation_id=input.invitation_id
    )
    return RevokeInvitationPayload(invitation=Invitation.of(revoked))


def _answer(invitation: Invitation | None) -> Answer:
    assert invitation is not None
    row = invitation.row
    return {"invitation_id": row.id, "organization_id": row.organization_id, "role": row.role}


async def _again(info: ContextInfo, answer: Answer) -> Invitation | None:
    """Find the invitation of a replay for whoever may still offer and take back its role."""
    session, scope = unit_of_work.session(), info.context.caller
    await info.context.services.invitations.authorize(
        session, scope=scope, organization_id=answer["organization_id"], change_of=MemberRole(answer["role"])
    )
    reading = info.context.services.invitation_reading(scope)
    return Invitation.of(await reading.invitation(session, answer["invitation_id"]))


async def _seats(invitation: Invitation | None) -> SeatUsage | None:
    # Read after the commit, by a loader: the transaction's session is gone by now.
    if invitation is None:
        return None
    return SeatUsage.of(await loaders.current().seats.load(invitation.row.organization_id))

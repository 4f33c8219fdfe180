"""What a caller can put right, as members of each payload's `errors`. Everything else is a top-level error."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import strawberry

from domain import errors
from domain.errors import DomainError
from graphql_api import loaders
from graphql_api.customers import BillingSubscription
from graphql_api.described import described, described_interface
from graphql_api.enums import ProcessorName, SubscriptionStatus
from graphql_api.organizations import Membership, Organization, SeatUsage
from graphql_api.scalars import JSON


@strawberry.enum(description="One code for each error type; clients must expect new ones.")
class ErrorCode(StrEnum):
    """One code for each error type; clients must expect new ones."""

    NOT_FOUND = "NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    ALREADY_MEMBER = "ALREADY_MEMBER"
    ALREADY_SUBSCRIBED = "ALREADY_SUBSCRIBED"
    SEAT_LIMIT_REACHED = "SEAT_LIMIT_REACHED"
    CALLBACK_REFUSED = "CALLBACK_REFUSED"
    LAST_OWNER = "LAST_OWNER"
    INVITATION_INVALID = "INVITATION_INVALID"
    SUBSCRIPTION_STATE = "SUBSCRIPTION_STATE"
    UNSUPPORTED = "UNSUPPORTED"
    UPSTREAM_UNAVAILABLE = "UPSTREAM_UNAVAILABLE"
    STEP_UP_REQUIRED = "STEP_UP_REQUIRED"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"


@described_interface
class UserError:
    """What the caller can put right. Everything else is a top-level error with extensions.code."""

    code: ErrorCode
    message: str
    path: list[str] | None = strawberry.field(description="The input field at fault.")


@described
class NotFoundError(UserError):
    """Missing, or not yours: one and the same answer."""


@described
class InvalidInputError(UserError):
    """A value that cannot be: too long, malformed, taken, unknown, both or neither of two alternatives."""


@described
class AlreadyMemberError(UserError):
    """The user already belongs to the organization."""

    membership_id: strawberry.Private[str]

    @strawberry.field
    async def membership(self) -> Membership | None:
        """The membership that is there already."""
        return Membership.of(await loaders.current().memberships.load(self.membership_id))


@described
class AlreadySubscribedError(UserError):
    """A live base subscription is in the mirror, or another purchase is under way (then subscription is null)."""

    subscription_id: strawberry.Private[str | None]

    @strawberry.field
    async def subscription(self) -> BillingSubscription | None:
        """The live subscription."""
        if self.subscription_id is None:
            return None
        return BillingSubscription.of(await loaders.current().subscriptions.load(self.subscription_id))


@described
class SeatLimitReachedError(UserError):
    """No seat is free."""

    organization_id: strawberry.Private[str]

    @strawberry.field
    async def seats(self) -> SeatUsage | None:
        """The seats as they are."""
        return SeatUsage.of(await loaders.current().seats.load(self.organization_id))


@described
class CallbackRefusedError(UserError):
    """A seam of the host refused; nothing was written. The reason is the host's own, or `timeout`."""

    operation: str
    step: str
    reason: str


@described
class LastOwnerError(UserError):
    """An organization keeps at least one OWNER."""

    organization_id: strawberry.Private[str]

    @strawberry.field
    async def organization(self) -> Organization | None:
        """The organization that would have none."""
        return Organization.of(await loaders.current().organizations.load(self.organization_id))


@described
class InvitationInvalidError(UserError):
    """The token opens nothing for this caller: tampered with, expired, used, revoked or another's; never told apart."""


@described
class SubscriptionStateError(UserError):
    """The subscription's state does not allow it."""

    status: SubscriptionStatus | None


@described
class UnsupportedError(UserError):
    """The processor cannot do this; told before any call."""

    processor: ProcessorName
    capability: str


@described
class UpstreamUnavailableError(UserError):
    """The processor refused to answer or did not answer in time; the worker finishes what it may have done."""

    retry_after_seconds: int | None


@described
class StepUpRequiredError(UserError):
    """A fresh proof is needed: answer the challenge and send it as stepUp."""

    action: str
    challenge: JSON | None


@described
class IdempotencyMismatchError(UserError):
    """The key has been used for another input of this operation."""


@described
class IdempotencyInProgressError(UserError):
    """The first call with this key has not finished."""

    retry_after_seconds: int | None


Facts = Callable[[Any], dict[str, Any]]


def _none(_: Any) -> dict[str, Any]:
    return {}


# One row for each refusal: its type here, and the facts that it carries.
MEMBERS: dict[type[DomainError], tuple[type[UserError], Facts]] = {
    errors.NotFound: (NotFoundError, _none),
    errors.InvalidInput: (InvalidInputError, _none),
    errors.AlreadyMember: (AlreadyMemberError, lambda e: {"membership_id": e.membership_id}),
    errors.AlreadySubscribed: (AlreadySubscribedError, lambda e: {"subscription_id": e.subscription_id}),
    errors.SeatLimitReached: (SeatLimitReachedError, lambda e: {"organization_id": e.organization_id}),
    errors.CallbackRefused: (
        CallbackRefusedError,
        lambda e: {"operation": e.operation, "step": e.step, "reason": e.reason},
    ),
    errors.LimitReached: (CallbackRefusedError, lambda e: {"operation": "claim", "step": e.key, "reason": e.reason}),
    errors.LastOwner: (LastOwnerError, lambda e: {"organization_id": e.organization_id}),
    errors.InvitationInvalid: (InvitationInvalidError, _none),
    errors.StepUpRequired: (StepUpRequiredError, lambda e: {"action": e.action, "challenge": e.challenge}),
    errors.IdempotencyMismatch: (IdempotencyMismatchError, _none),
    errors.IdempotencyInProgress: (
        IdempotencyInProgressError,
        lambda e: {"retry_after_seconds": e.retry_after_seconds},
    ),
    errors.WrongSubscriptionState: (SubscriptionStateError, lambda e: {"status": SubscriptionStatus[e.status.upper()]}),
    errors.Unsupported: (
        UnsupportedError,
        lambda e: {"processor": ProcessorName[e.processor.upper()], "capability": e.capability},
    ),
    errors.UpstreamUnavailable: (UpstreamUnavailableError, lambda e: {"retry_after_seconds": e.retry_after_seconds}),
}


def user_error(refused: DomainError) -> UserError | None:
    """Say a refusal as the caller shall read it; None when it belongs to the top of the answer."""
    member = MEMBERS.get(type(refused))
    if member is None:
        return None
    made, facts = member
    return made(code=ErrorCode(refused.code), message=refused.message, path=refused.path, **facts(refused))

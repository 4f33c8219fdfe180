"""Writes of users: the host tells of them, and they go."""

from functools import partial
from typing import Annotated, Self

import strawberry
from strawberry import Info

from domain import identity
from domain.errors import UpstreamUnavailable
from domain.idempotency import Answer
from graphql_api import unit_of_work
from graphql_api.context import Context
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope, DeletionStatus
from graphql_api.identity import User
from graphql_api.scalars import JSON
from graphql_api.user_errors import (
    CallbackRefusedError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    LastOwnerError,
    NotFoundError,
    StepUpRequiredError,
    UpstreamUnavailableError,
    user_error,
)

ContextInfo = Info[Context, None]

UpsertUserError = Annotated[
    InvalidInputError | CallbackRefusedError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union(
        "UpsertUserError", description="Refusals; CallbackRefusedError by on_register or on_email_change."
    ),
]
DeleteUserError = Annotated[
    NotFoundError
    | LastOwnerError
    | CallbackRefusedError
    | StepUpRequiredError
    | UpstreamUnavailableError
    | IdempotencyMismatchError
    | IdempotencyInProgressError,
    strawberry.union(
        "DeleteUserError", description="Refusals of deleteUser; UpstreamUnavailableError stands beside ABORTED."
    ),
]


@described_input
class UpsertUserInput:
    """A user as the host's identity provider knows it.

    issuer defaults to JWT_ISSUER; email counts only with emailVerified.
    """

    subject: str
    issuer: str | None = None
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    idempotency_key: str | None = None


@described
class UpsertUserPayload:
    """The user, and whether the row is new."""

    user: User | None = None
    created: bool | None = strawberry.field(default=None, description="False when the row was there and was updated.")
    errors: list[UpsertUserError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.user is not None
        return {"user_id": self.user.id, "created": self.created}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the user as it is now, to whoever may still make users."""
        info.context.caller.require_host(ApiScope.USERS_WRITE)
        found = await identity.find(unit_of_work.session(), answer["user_id"])
        return cls(user=User.of(found), created=answer["created"])


@described_input
class DeleteUserInput:
    """Whose account goes. Asking again tells how far it is."""

    user_id: strawberry.ID
    step_up: JSON | None = None
    idempotency_key: str | None = None


@described
class UserDeletion:
    """How far a deletion is."""

    user_id: strawberry.ID
    status: DeletionStatus


@described
class DeleteUserPayload:
    """Within 10 seconds, done or not."""

    deletion: UserDeletion | None = None
    errors: list[DeleteUserError] = strawberry.field(default_factory=list)


async def upsert_user(info: ContextInfo, input: UpsertUserInput) -> UpsertUserPayload | None:
    """Make a user known before their first credential arrives, or bring one up to date."""
    told = await info.context.services.users.upsert(
        unit_of_work.session(),
        scope=info.context.caller,
        issuer=input.issuer,
        subject=input.subject,
        email=input.email,
        email_verified=input.email_verified,
        name=input.name,
    )
    return UpsertUserPayload(user=User.of(told.user), created=told.created)


async def delete_user(info: ContextInfo, input: DeleteUserInput) -> DeleteUserPayload | None:
    """Delete a user, with every membership, and cancel what the user pays for; what takes longer goes on by itself."""
    services, scope = info.context.services, info.context.caller
    prove = partial(services.step_up.require, scope=scope, action="deleteUser", proof=input.step_up)
    status = await services.deletions.delete(
        scope=scope, user_id=input.user_id, call=unit_of_work.call_of(info, {"input": input}), prove=prove
    )
    aborted = user_error(UpstreamUnavailable()) if status is DeletionStatus.ABORTED else None
    return DeleteUserPayload(
        deletion=UserDeletion(user_id=input.user_id, status=status),
        errors=[aborted] if isinstance(aborted, UpstreamUnavailableError) else [],
    )

"""Making and ending API keys: one input, one payload, one transaction. A secret leaves once, in the payload."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from domain.errors import NotFound
from domain.idempotency import Answer
from graphql_api import unit_of_work
from graphql_api.api_keys import ApiKey
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope
from graphql_api.organizations import ContextInfo
from graphql_api.scalars import JSON
from graphql_api.user_errors import (
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
    StepUpRequiredError,
)

CreateApiKeyError = Annotated[
    InvalidInputError | NotFoundError | StepUpRequiredError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("CreateApiKeyError", description="Refusals of createApiKey."),
]
RevokeApiKeyError = Annotated[
    NotFoundError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("RevokeApiKeyError", description="A key that is revoked already is no refusal."),
]


@described_input
class CreateApiKeyInput:
    """A new key; without organizationId a host key."""

    organization_id: strawberry.ID | None = None
    label: str
    scopes: list[ApiScope]
    expires_at: datetime | None = None
    step_up: JSON | None = None
    idempotency_key: str | None = None


@described_input
class RevokeApiKeyInput:
    """The key to end; at once, in every process."""

    api_key_id: strawberry.ID
    idempotency_key: str | None = None


class _OfAKey:
    """What both payloads have in common."""

    api_key: ApiKey | None

    def answer(self) -> Answer:
        """Give what a replay of the request is made of; never the secret."""
        assert self.api_key is not None
        return {"api_key_id": self.api_key.row.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the key as it is now to whoever may still see it."""
        reading = info.context.services.keys.reading(info.context.caller)
        found = (await reading.by_id(unit_of_work.session(), [answer["api_key_id"]])).get(answer["api_key_id"])
        if found is None:
            raise NotFound("API key")
        return cls(api_key=ApiKey.dress(found))  # type: ignore[call-arg]  # both payloads are dataclasses that take it


@described
class CreateApiKeyPayload(_OfAKey):
    """The key, and what it is shown by."""

    api_key: ApiKey | None = None
    secret: str | None = strawberry.field(default=None, description="sgk_…, shown once; null in a replay.")
    errors: list[CreateApiKeyError] = strawberry.field(default_factory=list)


@described
class RevokeApiKeyPayload(_OfAKey):
    """The key with revokedAt."""

    api_key: ApiKey | None = None
    errors: list[RevokeApiKeyError] = strawberry.field(default_factory=list)


async def create_api_key(info: ContextInfo, input: CreateApiKeyInput) -> CreateApiKeyPayload | None:
    """Make an API key of an organization, for its OWNER, or of the host, for administrators."""
    services, session, scope = info.context.services, unit_of_work.session(), info.context.caller
    await services.step_up.require(session, scope=scope, action="createApiKey", proof=input.step_up)
    made = await services.keys.create(
        session,
        scope=scope,
        label=input.label,
        scopes=input.scopes,
        organization_id=input.organization_id,
        expires_at=input.expires_at,
    )
    return CreateApiKeyPayload(api_key=ApiKey.dress(made.key), secret=made.secret)


async def revoke_api_key(info: ContextInfo, input: RevokeApiKeyInput) -> RevokeApiKeyPayload | None:
    """End an API key for good, at once and in every process; for the OWNER, or administrators for host keys."""
    key = await info.context.services.keys.revoke(
        unit_of_work.session(), scope=info.context.caller, api_key_id=input.api_key_id
    )
    return RevokeApiKeyPayload(api_key=ApiKey.dress(key))

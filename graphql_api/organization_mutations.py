"""Writes of organizations: one input, one payload, one transaction each."""

from datetime import datetime
from typing import Annotated, Self

import strawberry
from strawberry import UNSET

from domain.errors import CallbackRefused, InvalidInput, NotFound
from domain.idempotency import Answer
from domain.organizations import Changes
from graphql_api import unit_of_work
from graphql_api.described import described, described_input
from graphql_api.enums import ApiScope
from graphql_api.organizations import ContextInfo, Organization
from graphql_api.scalars import JSON
from graphql_api.user_errors import (
    CallbackRefusedError,
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
    StepUpRequiredError,
)

CreateOrganizationError = Annotated[
    InvalidInputError | NotFoundError | CallbackRefusedError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("CreateOrganizationError", description="Refusals; never for want of a seat."),
]
UpdateOrganizationError = Annotated[
    InvalidInputError | NotFoundError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("UpdateOrganizationError", description="Refusals of updateOrganization."),
]
DeleteOrganizationError = Annotated[
    NotFoundError | CallbackRefusedError | StepUpRequiredError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("DeleteOrganizationError", description="Refusals; no processor is asked before the answer."),
]
RestoreOrganizationError = Annotated[
    InvalidInputError | NotFoundError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("RestoreOrganizationError", description="Refusals; NotFoundError after the window."),
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
    idempotency_key: str | None = None


@described
class CreateOrganizationPayload:
    """The organization with its customer; the founder is in memberships."""

    organization: Organization | None = None
    errors: list[CreateOrganizationError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.organization is not None
        return {"organization_id": self.organization.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the organization as it is now, to whoever may still see it."""
        reading = info.context.services.reading(info.context.caller, by=ApiScope.ORGANIZATIONS_WRITE)
        found = await reading.organization(unit_of_work.session(), id=answer["organization_id"])
        if found is None:
            raise NotFound("organization")
        return cls(organization=Organization.of(found))


@described_input
class UpdateOrganizationInput:
    """What is left out stays; null empties externalId only."""

    organization_id: strawberry.ID
    name: str | None = None
    slug: str | None = None
    external_id: str | None = UNSET
    idempotency_key: str | None = None

    def changes(self) -> Changes:
        """Say what shall become another."""
        left_out = self.external_id is UNSET
        return Changes(
            name=self.name,
            slug=self.slug,
            external_id=None if left_out else self.external_id,
            no_external_id=not left_out and self.external_id is None,
        )


@described
class UpdateOrganizationPayload:
    """The organization as it is now."""

    organization: Organization | None = None
    errors: list[UpdateOrganizationError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.organization is not None
        return {"organization_id": self.organization.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the organization as it is now, to whoever may still update it."""
        services, scope, session = info.context.services, info.context.caller, unit_of_work.session()
        await services.organizations.authorize(session, scope=scope, organization_id=answer["organization_id"])
        reading = services.reading(scope, by=ApiScope.ORGANIZATIONS_WRITE)
        found = await reading.organization(session, id=answer["organization_id"])
        return cls(organization=Organization.of(found))


@described_input
class DeleteOrganizationInput:
    """Which organization goes."""

    organization_id: strawberry.ID
    step_up: JSON | None = None
    idempotency_key: str | None = None


@described
class DeleteOrganizationPayload:
    """Until when restoreOrganization undoes it."""

    organization_id: strawberry.ID | None = None
    restorable_until: datetime | None = None
    errors: list[DeleteOrganizationError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        return {"organization_id": self.organization_id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Say how it stands with the organization now, to whoever may still restore it."""
        found = await _standing(info, answer)
        return cls(organization_id=strawberry.ID(found.row.id), restorable_until=found.row.restorable_until)


@described_input
class RestoreOrganizationInput:
    """Which deleted organization comes back."""

    organization_id: strawberry.ID
    slug: str | None = strawberry.field(
        default=None, description="Another one, when the old one has been taken meanwhile."
    )
    idempotency_key: str | None = None


@described
class RestoreOrganizationPayload:
    """The organization, alive again."""

    organization: Organization | None = None
    errors: list[RestoreOrganizationError] = strawberry.field(default_factory=list)

    def answer(self) -> Answer:
        """Give what a replay is made of."""
        assert self.organization is not None
        return {"organization_id": self.organization.id}

    @classmethod
    async def replayed(cls, info: ContextInfo, answer: Answer) -> Self:
        """Show the organization as it is now, to whoever may still restore it."""
        return cls(organization=await _standing(info, answer))


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


async def update_organization(info: ContextInfo, input: UpdateOrganizationInput) -> UpdateOrganizationPayload | None:
    """Give an organization another name, slug or external id."""
    updated = await info.context.services.organizations.update(
        unit_of_work.session(),
        scope=info.context.caller,
        organization_id=input.organization_id,
        changes=input.changes(),
    )
    return UpdateOrganizationPayload(organization=Organization.of(updated))


async def delete_organization(info: ContextInfo, input: DeleteOrganizationInput) -> DeleteOrganizationPayload | None:
    """Hide an organization at once; it can be restored for a while and is taken away after that."""
    services, session, scope = info.context.services, unit_of_work.session(), info.context.caller
    await services.step_up.require(session, scope=scope, action="deleteOrganization", proof=input.step_up)
    deleted = await services.standing.delete(session, scope=scope, organization_id=input.organization_id)
    return DeleteOrganizationPayload(
        organization_id=strawberry.ID(deleted.id), restorable_until=deleted.restorable_until
    )


async def restore_organization(info: ContextInfo, input: RestoreOrganizationInput) -> RestoreOrganizationPayload | None:
    """Bring a deleted organization back with all its members."""
    try:
        restored = await info.context.services.standing.restore(
            unit_of_work.session(),
            scope=info.context.caller,
            organization_id=input.organization_id,
            slug=input.slug,
        )
    except CallbackRefused as refused:
        # The settled list of this payload's errors has no member for a host that refuses.
        raise InvalidInput(f"A host refused: {refused.reason}", path=["input", "organizationId"]) from refused
    return RestoreOrganizationPayload(organization=Organization.of(restored))


async def _standing(info: ContextInfo, answer: Answer) -> Organization:
    """Find the organization of a replay, deleted or not, for whoever may delete and restore it."""
    found = await info.context.services.standing.find(
        unit_of_work.session(), scope=info.context.caller, organization_id=answer["organization_id"]
    )
    return Organization.dress(found)

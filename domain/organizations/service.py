"""Commands on organizations: each a few steps inside the caller's transaction, each leaving one audit row.

Lock before judging by rows, refuse first, write last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain import audit, identity, ids
from domain.clock import Clock
from domain.db import Session
from domain.errors import InvalidInput, NotFound
from domain.identity import User
from domain.ids import OrganizationId, Prefix
from domain.organizations.callbacks import CallbackRun, Entry, OrganizationCallbacks
from domain.organizations.models import Organization
from domain.organizations.names import checked_external_id, checked_name, checked_slug, slug_of, varied
from domain.organizations.places import Places
from domain.scope import Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Organizations:
    """Creates organizations. `callbacks` run in the order given, inside the transaction."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    callback_seconds: float

    async def create(
        self,
        session: Session,
        *,
        scope: Scope,
        name: str,
        slug: str | None = None,
        external_id: str | None = None,
        owner_id: str | None = None,
    ) -> Organization:
        """Make an organization whose founding owner is the caller, or `owner_id` when an administrator says so.

        Raises:
            InvalidInput: the name, slug or external id cannot be, or is taken.
            NotFound: there is no such owner.
            CallbackRefused: a host refused.
        """
        run = self._run("createOrganization")
        name = checked_name(name)
        external_id = None if external_id is None else checked_external_id(external_id)
        owner = await self._founder(session, scope, owner_id)
        generated = slug is None
        slug = await _free_slug(session, name) if slug is None else checked_slug(slug)
        before, after = (
            OrganizationCallbacks.before_create_organization,
            OrganizationCallbacks.after_create_organization,
        )
        await run(before, session=session, name=name, slug=slug, owner=owner, scope=scope)
        made = partial(_insert, session, name=name, external_id=external_id, at=self.clock.now())
        organization = await made(slug=slug) or (await made(slug=varied(slug)) if generated else None)
        if organization is None:
            raise InvalidInput("This slug is taken.", path=["input", "slug"])
        await Places(clock=self.clock, run=run).enter(
            session, organization=organization, user=owner, role=Role.OWNER, scope=scope, entry=Entry.FOUNDING
        )
        await run(after, session=session, organization=organization, scope=scope)
        await audit.record(
            session,
            "organization.created",
            scope=scope,
            at=organization.created_at,
            subject_id=organization.id,
            organization_id=organization.id,
            after={"slug": organization.slug, "owner_id": owner.id},
        )
        return organization

    def _run(self, operation: str) -> CallbackRun:
        return CallbackRun(self.callbacks, operation=operation, seconds=self.callback_seconds)

    async def _founder(self, session: Session, scope: Scope, owner_id: str | None) -> User:
        if owner_id is not None and owner_id != scope.user_id:
            scope.require_administrator()
        founder = await identity.hold(session, owner_id or scope.user_id or "")
        if founder is None:
            raise NotFound("user", path=["input", "ownerId"])
        return founder


async def _free_slug(session: Session, name: str) -> str:
    slug = slug_of(name)
    return varied(slug) if await _taken(session, slug) else slug


async def _taken(session: Session, slug: str) -> bool:
    """Say whether a living organization has the slug; the unique key of the table has the last word."""
    query = select(Organization.id).where(Organization.slug == slug, Organization.deleted_at.is_(None))
    return (await session.execute(query)).scalar_one_or_none() is not None


async def _insert(
    session: Session, *, name: str, slug: str, external_id: str | None, at: datetime
) -> Organization | None:
    """Write the organization; the unique keys of the table decide who was first. None: the slug is taken.

    Raises:
        InvalidInput: the external id is taken.
    """
    made = OrganizationId(ids.new(Prefix.ORGANIZATION, at=at))
    organization = Organization(id=made, name=name, slug=slug, external_id=external_id, created_at=at, updated_at=at)
    try:
        async with session.begin_nested():
            session.add(organization)
    except IntegrityError as error:
        if await _taken(session, slug):
            return None
        raise InvalidInput("This externalId is taken.", path=["input", "externalId"]) from error
    return organization

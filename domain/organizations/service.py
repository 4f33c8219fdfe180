"""Commands on organizations: each a few steps inside the caller's transaction, each leaving one audit row.

Lock before judging by rows, refuse first, write last.
"""

from collections.abc import Mapping, Sequence
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
from domain.organizations import policy
from domain.organizations.callbacks import CallbackRun, Entry, OrganizationCallbacks
from domain.organizations.models import Organization
from domain.organizations.names import checked_external_id, checked_name, checked_slug, slug_of, varied
from domain.organizations.places import Places, locked
from domain.organizations.reading import rank
from domain.rights import UPDATE_ORGANIZATION
from domain.scope import ApiScope, Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an organization shall be called from now on. None stays as it is; `no_external_id` empties that one."""

    name: str | None = None
    slug: str | None = None
    external_id: str | None = None
    no_external_id: bool = False

    def of(self, organization: Organization) -> dict[str, str | None]:
        """Give what becomes another, and what it becomes.

        Raises:
            InvalidInput: a name, slug or external id that cannot be.
        """
        wanted: dict[str, str | None] = {}
        if self.name is not None:
            wanted["name"] = checked_name(self.name)
        if self.slug is not None and self.slug != organization.slug:
            wanted["slug"] = checked_slug(self.slug)
        if self.external_id is not None or self.no_external_id:
            wanted["external_id"] = None if self.external_id is None else checked_external_id(self.external_id)
        return {field: value for field, value in wanted.items() if value != getattr(organization, field)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Organizations:
    """Creates and renames organizations. `callbacks` run in the order given, inside the transaction."""

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
        run, founder_id = self._run("createOrganization"), _founder_id(scope, owner_id)
        name = checked_name(name)
        external_id = None if external_id is None else checked_external_id(external_id)
        owner = await _founder(session, founder_id)
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

    async def authorize(self, session: Session, *, scope: Scope, organization_id: str) -> None:
        """Let pass whoever may update the organization.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller's role is too low.
        """
        policy.require(scope, await rank(session, scope, organization_id), UPDATE_ORGANIZATION)

    async def update(self, session: Session, *, scope: Scope, organization_id: str, changes: Changes) -> Organization:
        """Call an organization otherwise. Where nothing becomes another, nothing is written and nothing remembered.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller's role is too low.
            InvalidInput: the name, slug or external id cannot be, or is taken.
        """
        organization = await locked(session, organization_id)
        await self.authorize(session, scope=scope, organization_id=organization_id)
        if organization is None:
            raise NotFound("organization", path=["input", "organizationId"])
        after = changes.of(organization)
        if not after:
            return organization
        before = {field: getattr(organization, field) for field in after}
        now = self.clock.now()
        await _rename(session, organization, after | {"updated_at": now})
        await audit.record(
            session,
            "organization.updated",
            scope=scope,
            at=now,
            subject_id=organization.id,
            organization_id=organization.id,
            before=before,
            after=after,
        )
        return organization

    def _run(self, operation: str) -> CallbackRun:
        return CallbackRun(self.callbacks, operation=operation, seconds=self.callback_seconds)


def _founder_id(scope: Scope, owner_id: str | None) -> str:
    """Say who becomes the OWNER: the user who asks, or whom the host names.

    Raises:
        Forbidden: another is named, or nobody asks, by whoever does not speak for the host; or the key lacks the scope.
        InvalidInput: the host names nobody.
    """
    scope.require(ApiScope.ORGANIZATIONS_WRITE)
    founder_id = owner_id or scope.user_id
    if founder_id is None or founder_id != scope.user_id:
        scope.require_host(ApiScope.ORGANIZATIONS_WRITE)
    if founder_id is None:
        raise InvalidInput("Say whose the organization shall be.", path=["input", "ownerId"])
    return founder_id


async def _founder(session: Session, id: str) -> User:
    founder = await identity.hold(session, id)
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


async def _rename(session: Session, organization: Organization, after: Mapping[str, object]) -> None:
    """Write what becomes another; the unique keys of the table decide who was first.

    Raises:
        InvalidInput: the slug or the external id is taken.
    """
    try:
        async with session.begin_nested():
            for field, value in after.items():
                setattr(organization, field, value)
    except IntegrityError as error:
        slug = after.get("slug")
        field = "slug" if isinstance(slug, str) and await _taken(session, slug) else "externalId"
        raise InvalidInput(f"This {field} is taken.", path=["input", field]) from error


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

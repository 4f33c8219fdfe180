"""Commands on organizations: each a few steps inside the caller's transaction, each leaving one audit row.

Lock before judging by rows, refuse first, write last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import IntegrityError

from domain import audit, identity, ids
from domain.clock import Clock
from domain.db import Session
from domain.errors import AlreadyMember, InvalidInput, LastOwner, NotFound
from domain.identity import User
from domain.ids import MembershipId, OrganizationId, Prefix
from domain.organizations import policy
from domain.organizations.callbacks import CallbackRun, Entry, OrganizationCallbacks
from domain.organizations.models import Membership, Organization
from domain.organizations.names import checked_external_id, checked_name, checked_slug, slug_of, varied
from domain.organizations.reading import Reading, role_in
from domain.scope import Role, Scope

_LOCK = select(Organization).where(Organization.id == bindparam("organization")).with_for_update(key_share=True)
_MEMBERSHIP = select(Membership).where(
    Membership.organization_id == bindparam("organization"), Membership.user_id == bindparam("user")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRef:
    """A user named by exactly one of id and verified e-mail address."""

    id: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Organizations:
    """Creates organizations and lets members in and out. `callbacks` run in the order given, inside the transaction."""

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
        await self._enter(session, run, organization, owner, Role.OWNER, scope=scope, entry=Entry.FOUNDING)
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

    async def authorize(self, session: Session, *, scope: Scope, organization_id: str, change_of: Role) -> None:
        """Let pass whoever may give or take this role in the organization.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller's role is too low.
        """
        policy.require_change_of(await self._rank(session, scope, organization_id), change_of)

    async def add_member(
        self, session: Session, *, scope: Scope, organization_id: str, who: UserRef, role: Role
    ) -> Membership:
        """Give a user a place in an organization; refused when policy, a callback or a full house says no.

        Raises:
            NotFound: no such organization or user for this caller.
            Forbidden: the caller's role is too low.
            AlreadyMember: the user has a place already.
            SeatLimitReached: no seat is free.
            CallbackRefused: a host refused.
        """
        run = self._run("addMember")
        organization = await _locked(session, organization_id)
        policy.require_change_of(await self._rank(session, scope, organization_id), role)
        if organization is None:
            raise NotFound("organization", path=["input", "organizationId"])
        user = await _user(session, scope, who)
        if found := await _membership_of(session, organization.id, user.id):
            raise AlreadyMember(membership_id=found.id)
        membership = await self._enter(session, run, organization, user, role, scope=scope, entry=Entry.ADDED)
        await audit.record(
            session,
            "membership.added",
            scope=scope,
            at=membership.joined_at,
            subject_id=membership.id,
            organization_id=organization.id,
            after={"user_id": user.id, "role": role},
        )
        return membership

    async def remove_member(self, session: Session, *, scope: Scope, membership_id: str) -> Membership:
        """End a membership and let its seat go; never refused for a limit, a subscription or a processor.

        Raises:
            NotFound: no such membership for this caller.
            Forbidden: the caller's role is too low.
            LastOwner: it is the organization's only owner.
            CallbackRefused: a host refused.
        """
        run = self._run("removeMember")
        missing = NotFound("membership", path=["input", "membershipId"])
        seen = await Reading(scope=scope).membership(session, membership_id)
        if seen is None:
            raise missing
        await _locked(session, seen.organization_id)
        membership = await session.get(Membership, membership_id, populate_existing=True)
        own = await self._rank(session, scope, seen.organization_id)
        if membership is None or own is None:
            raise missing
        policy.require_change_of(own, membership.role)
        if membership.role is Role.OWNER and await _owners(session, membership.organization_id) == 1:
            raise LastOwner(organization_id=membership.organization_id)
        await session.delete(membership)
        await session.flush()
        await run(OrganizationCallbacks.after_member_remove, session=session, membership=membership, scope=scope)
        await audit.record(
            session,
            "membership.removed",
            scope=scope,
            at=self.clock.now(),
            subject_id=membership.id,
            organization_id=membership.organization_id,
            before={"user_id": membership.user_id, "role": membership.role},
        )
        return membership

    def _run(self, operation: str) -> CallbackRun:
        return CallbackRun(self.callbacks, operation=operation, seconds=self.callback_seconds)

    async def _enter(
        self,
        session: Session,
        run: CallbackRun,
        organization: Organization,
        user: User,
        role: Role,
        *,
        scope: Scope,
        entry: Entry,
    ) -> Membership:
        """Let a user in: the only place that writes a membership, so that no way in passes the callbacks by."""
        await run(
            OrganizationCallbacks.before_add_member,
            session=session,
            organization=organization,
            user=user,
            role=role,
            scope=scope,
            entry=entry,
            invitation=None,
        )
        now = self.clock.now()
        membership = Membership(
            id=MembershipId(ids.new(Prefix.MEMBERSHIP, at=now)),
            organization_id=organization.id,
            user_id=user.id,
            role=role,
            joined_at=now,
        )
        session.add(membership)
        await session.flush()
        await run(OrganizationCallbacks.after_add_member, session=session, membership=membership, scope=scope)
        return membership

    async def _rank(self, session: Session, scope: Scope, organization_id: str) -> Role | None:
        if scope.administrator:
            return Role.OWNER
        return await role_in(session, organization_id=organization_id, user_id=scope.user_id)

    async def _founder(self, session: Session, scope: Scope, owner_id: str | None) -> User:
        if owner_id is not None and owner_id != scope.user_id:
            scope.require_administrator()
        founder = await identity.find(session, owner_id or scope.user_id or "")
        if founder is None:
            raise NotFound("user", path=["input", "ownerId"])
        return founder


async def _locked(session: Session, organization_id: str) -> Organization | None:
    """Hold the organization still. The lock leaves foreign keys alone, which a full row lock would deadlock with."""
    return (await session.execute(_LOCK, {"organization": organization_id})).scalar_one_or_none()


async def _user(session: Session, scope: Scope, who: UserRef) -> User:
    """Find the user to add: by id somebody the caller may see, by address whoever has verified it."""
    if (who.id is None) == (who.email is None):
        raise InvalidInput("Give exactly one of userId and email.", path=["input"])
    if who.id is not None:
        user, path = await Reading(scope=scope).user(session, who.id), ["input", "userId"]
    else:
        user, path = await identity.find_by_email(session, who.email or ""), ["input", "email"]
    if user is None:
        raise NotFound("user", path=path)
    return user


async def _membership_of(session: Session, organization_id: str, user_id: str) -> Membership | None:
    values = {"organization": organization_id, "user": user_id}
    return (await session.execute(_MEMBERSHIP, values)).scalar_one_or_none()


async def _owners(session: Session, organization_id: str) -> int:
    query = select(func.count()).where(Membership.organization_id == organization_id, Membership.role == Role.OWNER)
    return (await session.execute(query)).scalar_one()


async def _free_slug(session: Session, name: str) -> str:
    slug = slug_of(name)
    taken = (await session.execute(select(Organization.id).where(Organization.slug == slug))).scalar_one_or_none()
    return slug if taken is None else varied(slug)


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
        query = select(Organization.id).where(Organization.slug == slug)
        if (await session.execute(query)).scalar_one_or_none() is not None:
            return None
        raise InvalidInput("This externalId is taken.", path=["input", "externalId"]) from error
    return organization

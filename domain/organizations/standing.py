"""Whether an organization stands: deleting hides it and leaves everything in place, restoring brings all of it back.

After the window it is taken away for good, by `purging`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from domain import audit, identity
from domain.clock import Clock
from domain.db import Session
from domain.errors import InvalidInput, NotFound
from domain.ids import UserId
from domain.organizations import policy
from domain.organizations.callbacks import CallbackRun, OrganizationCallbacks
from domain.organizations.endings import Endings
from domain.organizations.models import Membership, Organization
from domain.organizations.names import checked_slug
from domain.organizations.places import locked, locked_deleted, membership_of
from domain.organizations.reading import Reading, rank
from domain.rights import END_ORGANIZATION
from domain.scope import Role, Scope

_OWNERS = (
    select(Membership.user_id)
    .where(Membership.organization_id == bindparam("organization"), Membership.role == Role.OWNER)
    .order_by(Membership.user_id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Deletes and restores organizations. `callbacks` run in the order given, inside the transaction."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    callback_seconds: float
    restore_days: int

    async def find(self, session: Session, *, scope: Scope, organization_id: str) -> Organization:
        """Give an organization, deleted or not, to whoever may delete and restore it.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller's role is too low.
        """
        reading = Reading(scope=scope, by=END_ORGANIZATION.scope)
        organization = await reading.organization(session, id=organization_id)
        if organization is None:
            raise _missing()
        policy.require(scope, await rank(session, scope, organization_id, living=False), END_ORGANIZATION)
        return organization

    async def delete(self, session: Session, *, scope: Scope, organization_id: str) -> Organization:
        """Hide an organization from everybody but its owners, host keys and administrators, and end its invitations.

        Its members keep their places and seats until it is taken away for good, `restore_days` from now. No processor
        is asked.

        Raises:
            NotFound: no such organization for this caller, or it is deleted already.
            Forbidden: the caller's role is too low.
            CallbackRefused: a host refused.
        """
        organization = await locked(session, organization_id)
        policy.require(scope, await rank(session, scope, organization_id), END_ORGANIZATION)
        if organization is None:
            raise _missing()
        run, now = self._run("deleteOrganization"), self.clock.now()
        before, after = (
            OrganizationCallbacks.before_delete_organization,
            OrganizationCallbacks.after_delete_organization,
        )
        await run(before, session=session, organization=organization, scope=scope)
        await Endings(run=run, scope=scope, now=now).revoke_all(session, organization=organization)
        until = now + timedelta(days=self.restore_days)
        organization.deleted_at, organization.restorable_until, organization.purge_at = now, until, until
        await session.flush()
        await run(after, session=session, organization=organization, scope=scope)
        await audit.record(
            session,
            "organization.deleted",
            scope=scope,
            at=now,
            subject_id=organization.id,
            organization_id=organization.id,
            before={"slug": organization.slug},
            after={"restorable_until": until.isoformat()},
        )
        return organization

    async def restore(
        self, session: Session, *, scope: Scope, organization_id: str, slug: str | None = None
    ) -> Organization:
        """Bring a deleted organization back with its members, under another slug when its own is taken meanwhile.

        Raises:
            Forbidden: the key lacks the scope.
            NotFound: no such deleted organization for this caller, or the window has passed.
            InvalidInput: the slug cannot be or is taken, or no owner is left who stays.
            CallbackRefused: a host refused.
        """
        scope.require(END_ORGANIZATION.scope)
        owner_id = await _lasting_owner(session, organization_id)
        organization = await locked_deleted(session, organization_id)
        may = END_ORGANIZATION.held_by(scope, await rank(session, scope, organization_id, living=False))
        now = self.clock.now()
        if organization is None or not may or not _restorable(organization, now):
            raise _missing()
        owner = await membership_of(session, organization.id, owner_id) if owner_id else None
        if owner is None or owner.role is not Role.OWNER:
            raise InvalidInput("No owner of this organization is left.", path=["input", "organizationId"])
        before = organization.slug
        await _revive(session, organization, slug=slug, at=now)
        run = self._run("restoreOrganization")
        after = OrganizationCallbacks.after_restore_organization
        await run(after, session=session, organization=organization, scope=scope)
        await audit.record(
            session,
            "organization.restored",
            scope=scope,
            at=now,
            subject_id=organization.id,
            organization_id=organization.id,
            before={"slug": before},
            after={"slug": organization.slug},
        )
        return organization

    def _run(self, operation: str) -> CallbackRun:
        return CallbackRun(self.callbacks, operation=operation, seconds=self.callback_seconds)


def _missing() -> NotFound:
    return NotFound("organization", path=["input", "organizationId"])


def _restorable(organization: Organization, now: datetime) -> bool:
    """Say whether the window is still open; its last instant is inside."""
    return organization.restorable_until is not None and now <= organization.restorable_until


async def _lasting_owner(session: Session, organization_id: str) -> UserId | None:
    """Hold the first owner who is not being deleted: deletions ask only living organizations whether they may go."""
    for user_id in (await session.execute(_OWNERS, {"organization": organization_id})).scalars().all():
        if await identity.hold(session, user_id) is not None:
            return user_id
    return None


async def _revive(session: Session, organization: Organization, *, slug: str | None, at: datetime) -> None:
    """Write that it lives; the unique key of living slugs decides whether it can.

    Raises:
        InvalidInput: the slug cannot be, or is taken.
    """
    if slug is not None and slug != organization.slug:
        organization.slug = checked_slug(slug)
    try:
        async with session.begin_nested():
            organization.deleted_at = organization.restorable_until = organization.purge_at = None
            organization.updated_at = at
    except IntegrityError as error:
        raise InvalidInput("This slug is taken; give another.", path=["input", "slug"]) from error

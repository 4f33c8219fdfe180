"""The only room that writes and deletes memberships, so that no way in or out passes the callbacks by.

Also what every command on an organization begins with: hold it still, then ask what the caller may do in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from domain import ids
from domain.clock import Clock
from domain.db import Session
from domain.errors import LastOwner
from domain.identity import User
from domain.ids import MembershipId, Prefix
from domain.organizations.callbacks import CallbackRun, Entry, OrganizationCallbacks
from domain.organizations.models import Invitation, Membership, Organization
from domain.scope import Role, Scope

# What was read before the lock was waited for may be gone, so rows are read anew even where the session knows them.
_ANEW = {"populate_existing": True}
_HELD = (
    select(Organization)
    .order_by(Organization.id)
    .with_for_update(of=Organization, key_share=True)
    .execution_options(**_ANEW)
)
_LIVING = _HELD.where(Organization.deleted_at.is_(None))
_LOCK = _LIVING.where(Organization.id == bindparam("organization"))
_LOCK_DELETED = _HELD.where(Organization.id == bindparam("organization"), Organization.deleted_at.is_not(None))
_OWN = select(Membership.organization_id).where(Membership.user_id == bindparam("user"))
_LOCK_OWN = _HELD.where(Organization.id.in_(_OWN))
_LOCK_OWNED = _LIVING.where(Organization.id.in_(_OWN.where(Membership.role == Role.OWNER)))
_MEMBERSHIP = (
    select(Membership)
    .where(Membership.organization_id == bindparam("organization"), Membership.user_id == bindparam("user"))
    .execution_options(**_ANEW)
)
_OWNERS = (
    select(func.count())
    .select_from(Membership)
    .join(User, User.id == Membership.user_id)
    .where(
        Membership.organization_id == bindparam("organization"),
        Membership.role == Role.OWNER,
        User.deleting_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Lets users in and out of organizations, within one command's run of callbacks."""

    clock: Clock
    run: CallbackRun

    async def enter(
        self,
        session: Session,
        *,
        organization: Organization,
        user: User,
        role: Role,
        scope: Scope,
        entry: Entry,
        invitation: Invitation | None = None,
    ) -> Membership:
        """Let a user in. The organization is locked and the user held.

        Raises:
            SeatLimitReached: no seat is free.
            CallbackRefused: a host refused.
        """
        await self.run(
            OrganizationCallbacks.before_add_member,
            session=session,
            organization=organization,
            user=user,
            role=role,
            scope=scope,
            entry=entry,
            invitation=invitation,
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
        await self.run(OrganizationCallbacks.after_add_member, session=session, membership=membership, scope=scope)
        return membership

    async def leave(self, session: Session, *, membership: Membership, scope: Scope) -> None:
        """Let a member out; never refused for a limit, a subscription or a processor. The organization is locked.

        Raises:
            CallbackRefused: a host refused.
        """
        await session.delete(membership)
        await session.flush()
        await self.run(OrganizationCallbacks.after_member_remove, session=session, membership=membership, scope=scope)


async def locked(session: Session, organization_id: str) -> Organization | None:
    """Hold a living organization still. The lock leaves foreign keys alone, which a full one would deadlock with."""
    return (await session.execute(_LOCK, {"organization": organization_id})).scalar_one_or_none()


async def locked_deleted(session: Session, organization_id: str) -> Organization | None:
    """Hold a deleted organization still."""
    return (await session.execute(_LOCK_DELETED, {"organization": organization_id})).scalar_one_or_none()


async def locked_own(session: Session, user_id: str) -> Sequence[Organization]:
    """Hold every organization that a user is in, deleted ones too, in the order that keeps everybody from a circle."""
    return (await session.execute(_LOCK_OWN, {"user": user_id})).scalars().all()


async def locked_owned(session: Session, user_id: str) -> Sequence[Organization]:
    """Hold every living organization that a user owns, in the same order."""
    return (await session.execute(_LOCK_OWNED, {"user": user_id})).scalars().all()


async def membership_of(session: Session, organization_id: str, user_id: str) -> Membership | None:
    """Find a user's place in an organization, as it is now."""
    values = {"organization": organization_id, "user": user_id}
    return (await session.execute(_MEMBERSHIP, values)).scalar_one_or_none()


async def require_another_owner(session: Session, membership: Membership) -> None:
    """Keep an organization from losing its last owner. Owners who are being deleted do not count.

    Raises:
        LastOwner: the membership is an owner's, and no other owner stays.
    """
    if membership.role is not Role.OWNER:
        return
    owners = (await session.execute(_OWNERS, {"organization": membership.organization_id})).scalar_one()
    own = await session.get(User, membership.user_id)
    counted = int(own is not None and own.deleting_at is None)
    if owners - counted < 1:
        raise LastOwner(organization_id=membership.organization_id)

"""Commands on members: each a few steps inside the caller's transaction, each leaving one audit row.

Hold the user and lock the organization before judging by rows, refuse first, write last.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from domain import audit, identity, rights
from domain.clock import Clock
from domain.db import Session
from domain.errors import AlreadyMember, InvalidInput, NotFound
from domain.identity import User
from domain.organizations import policy
from domain.organizations.callbacks import CallbackRun, Entry, OrganizationCallbacks
from domain.organizations.endings import Endings
from domain.organizations.models import Membership
from domain.organizations.places import Places, locked, locked_own, membership_of, require_another_owner
from domain.organizations.reading import Reading, rank
from domain.rights import CHANGE_MEMBERS, CHANGE_ROLES, TAKE_PART
from domain.scope import Role, Scope

_OF_USER = select(Membership).where(Membership.user_id == bindparam("user")).order_by(Membership.organization_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRef:
    """A user named by exactly one of id and verified e-mail address."""

    id: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Lets members in and out. `callbacks` run in the order given, inside the transaction."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    callback_seconds: float

    async def authorize(self, session: Session, *, scope: Scope, organization_id: str, change_of: Role) -> None:
        """Let pass whoever may give or take this role in the organization.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller's role is too low.
        """
        policy.require(scope, await rank(session, scope, organization_id), rights.change_of(change_of))

    async def add(
        self, session: Session, *, scope: Scope, organization_id: str, who: UserRef, role: Role
    ) -> Membership:
        """Give a user a place in an organization; refused when policy, a callback or a full house says no.

        Raises:
            NotFound: no such organization or user for this caller.
            Forbidden: the caller's role is too low, also for a pending invitation of the user that would end by this.
            AlreadyMember: the user has a place already.
            SeatLimitReached: no seat is free.
            CallbackRefused: a host refused.
        """
        user = await _held(session, scope, who)
        organization = await locked(session, organization_id)
        await self.authorize(session, scope=scope, organization_id=organization_id, change_of=role)
        if organization is None:
            raise NotFound("organization", path=["input", "organizationId"])
        if user is None:
            raise NotFound("user", path=["input", "email" if who.id is None else "userId"])
        if found := await membership_of(session, organization.id, user.id):
            raise AlreadyMember(membership_id=found.id)
        places = self._places("addMember")
        # One person never holds two seats: whoever is added needs no invitation any more.
        endings = Endings(run=places.run, scope=scope, now=self.clock.now())
        await endings.supersede(session, organization=organization, email=user.email)
        membership = await places.enter(
            session, organization=organization, user=user, role=role, scope=scope, entry=Entry.ADDED
        )
        await audit.record(
            session,
            "membership.added",
            scope=scope,
            at=membership.joined_at,
            subject_id=membership.id,
            organization_id=organization.id,
            after={"user_id": user.id, "role": role},
            subject_label=user.label,
            subject_person=user.id,
        )
        return membership

    async def remove(self, session: Session, *, scope: Scope, membership_id: str) -> Membership:
        """End a membership and let its seat go; never refused for a limit, a subscription or a processor.

        Raises:
            NotFound: no such membership for this caller.
            Forbidden: the caller's role is too low.
            LastOwner: it is the organization's only owner.
            CallbackRefused: a host refused.
        """
        seen = await _seen(session, scope, membership_id)
        membership, own = await _still(session, scope, seen)
        policy.require(scope, own, rights.change_of(membership.role))
        await require_another_owner(session, membership)
        await self._let_out(session, scope, membership, operation="removeMember", action="membership.removed")
        return membership

    async def leave(self, session: Session, *, scope: Scope, organization_id: str) -> Membership:
        """End the caller's own membership and let its seat go; never refused for a limit or a subscription.

        Raises:
            Forbidden: nobody leaves: a key that acts for no user, or that lacks the scope.
            NotFound: the caller is in no such organization.
            LastOwner: the caller is the organization's only owner.
            CallbackRefused: a host refused.
        """
        user_id = scope.require_user(TAKE_PART.scope)
        organization = await locked(session, organization_id)
        own = await membership_of(session, organization_id, user_id)
        if organization is None or own is None:
            raise NotFound("organization", path=["input", "organizationId"])
        await require_another_owner(session, own)
        await self._let_out(session, scope, own, operation="leaveOrganization", action="membership.left")
        return own

    async def change_role(self, session: Session, *, scope: Scope, membership_id: str, role: Role) -> Membership:
        """Give a member another role; the same one again is no change and leaves no trace.

        Raises:
            NotFound: no such membership for this caller, or the member is being deleted.
            Forbidden: the caller's role is too low.
            LastOwner: the organization's only owner would be none.
            CallbackRefused: a host refused.
        """
        seen = await _seen(session, scope, membership_id)
        user = await identity.hold(session, seen.user_id)
        membership, own = await _still(session, scope, seen)
        policy.require(scope, own, CHANGE_ROLES)
        if user is None:
            raise _missing()
        if membership.role is role:
            return membership
        await require_another_owner(session, membership)
        run = self._run("changeMemberRole")
        step = OrganizationCallbacks.before_role_change
        await run(step, session=session, membership=membership, role=role, scope=scope)
        before, membership.role = membership.role, role
        await session.flush()
        await audit.record(
            session,
            "membership.role_changed",
            scope=scope,
            at=self.clock.now(),
            subject_id=membership.id,
            organization_id=membership.organization_id,
            before={"user_id": membership.user_id, "role": before},
            after={"user_id": membership.user_id, "role": role},
        )
        return membership

    async def remove_all_of(self, session: Session, *, user: User, scope: Scope, operation: str) -> int:
        """End every membership of a user who goes, in deleted organizations too, and say how many there were.

        Whether organizations are left with an owner has been asked before, by `require_replaceable`. The callbacks have
        their time for each of them anew, because a user who must go cannot be let out of some.

        Raises:
            CallbackRefused: a host refused.
        """
        await locked_own(session, user.id)
        memberships = (await session.execute(_OF_USER, {"user": user.id})).scalars().all()
        for membership in memberships:
            await self._places(operation).leave(session, membership=membership, scope=scope)
            await self._record_end(session, scope, membership, action="membership.removed")
        return len(memberships)

    async def _let_out(
        self, session: Session, scope: Scope, membership: Membership, *, operation: str, action: str
    ) -> None:
        await self._places(operation).leave(session, membership=membership, scope=scope)
        await self._record_end(session, scope, membership, action=action)

    async def _record_end(self, session: Session, scope: Scope, membership: Membership, *, action: str) -> None:
        user = await identity.find(session, membership.user_id)
        await audit.record(
            session,
            action,
            scope=scope,
            at=self.clock.now(),
            subject_id=membership.id,
            organization_id=membership.organization_id,
            before={"user_id": membership.user_id, "role": membership.role},
            subject_label=None if user is None else user.label,
            subject_person=membership.user_id,
        )

    def _places(self, operation: str) -> Places:
        return Places(clock=self.clock, run=self._run(operation))

    def _run(self, operation: str) -> CallbackRun:
        return CallbackRun(self.callbacks, operation=operation, seconds=self.callback_seconds)


def _missing() -> NotFound:
    return NotFound("membership", path=["input", "membershipId"])


async def _seen(session: Session, scope: Scope, membership_id: str) -> Membership:
    """Find a membership that the caller may see.

    Raises:
        NotFound: it is not there, or not the caller's.
        Forbidden: the key lacks the scope.
    """
    seen = await Reading(scope=scope, by=CHANGE_MEMBERS.scope).membership(session, membership_id)
    if seen is None:
        raise _missing()
    return seen


async def _still(session: Session, scope: Scope, seen: Membership) -> tuple[Membership, Role]:
    """Lock the organization of a membership, read the membership again under the lock, and rank the caller.

    Raises:
        NotFound: it is gone meanwhile, or the caller or the whole organization is.
    """
    organization = await locked(session, seen.organization_id)
    membership = await session.get(Membership, seen.id, populate_existing=True)
    own = await rank(session, scope, seen.organization_id)
    if organization is None or membership is None or own is None:
        raise _missing()
    return membership, own


async def _held(session: Session, scope: Scope, who: UserRef) -> User | None:
    """Hold the user to add: by id somebody the caller may see, by address whoever has verified it.

    Raises:
        InvalidInput: not exactly one of the two is given.
        Forbidden: the key lacks the scope.
    """
    scope.require(CHANGE_MEMBERS.scope)
    if (who.id is None) == (who.email is None):
        raise InvalidInput("Give exactly one of userId and email.", path=["input"])
    if who.id is None:
        return await identity.hold_by_email(session, who.email or "")
    seen = await Reading(scope=scope, by=CHANGE_MEMBERS.scope).user(session, who.id)
    return None if seen is None else await identity.hold(session, seen.id)

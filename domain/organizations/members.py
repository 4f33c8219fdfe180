"""Commands on members: each a few steps inside the caller's transaction, each leaving one audit row.

Hold the user and lock the organization before judging by rows, refuse first, write last.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain import audit, identity
from domain.clock import Clock
from domain.db import Session
from domain.errors import AlreadyMember, InvalidInput, NotFound
from domain.identity import User
from domain.organizations import policy
from domain.organizations.callbacks import CallbackRun, Entry, OrganizationCallbacks
from domain.organizations.models import Membership
from domain.organizations.places import Places, locked, membership_of, rank, require_another_owner
from domain.organizations.reading import Reading
from domain.scope import Role, Scope


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
        policy.require_change_of(await rank(session, scope, organization_id), change_of)

    async def add(
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
        user = await _held(session, scope, who)
        organization = await locked(session, organization_id)
        await self.authorize(session, scope=scope, organization_id=organization_id, change_of=role)
        if organization is None:
            raise NotFound("organization", path=["input", "organizationId"])
        if user is None:
            raise NotFound("user", path=["input", "email" if who.id is None else "userId"])
        if found := await membership_of(session, organization.id, user.id):
            raise AlreadyMember(membership_id=found.id)
        membership = await self._places("addMember").enter(
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
        membership = await self._locked_membership(session, scope, membership_id)
        own = await rank(session, scope, membership.organization_id)
        if own is None:
            raise _missing()
        policy.require_change_of(own, membership.role)
        await require_another_owner(session, membership)
        await self._places("removeMember").leave(session, membership=membership, scope=scope)
        user = await identity.find(session, membership.user_id)
        await audit.record(
            session,
            "membership.removed",
            scope=scope,
            at=self.clock.now(),
            subject_id=membership.id,
            organization_id=membership.organization_id,
            before={"user_id": membership.user_id, "role": membership.role},
            subject_label=None if user is None else user.label,
            subject_person=membership.user_id,
        )
        return membership

    async def _locked_membership(self, session: Session, scope: Scope, membership_id: str) -> Membership:
        """Find a membership that the caller may see, lock its organization, and read it again under the lock.

        Raises:
            NotFound: it is not there, not the caller's, or gone meanwhile.
        """
        seen = await Reading(scope=scope).membership(session, membership_id)
        if seen is None or await locked(session, seen.organization_id) is None:
            raise _missing()
        membership = await session.get(Membership, membership_id, populate_existing=True)
        if membership is None:
            raise _missing()
        return membership

    def _places(self, operation: str) -> Places:
        run = CallbackRun(self.callbacks, operation=operation, seconds=self.callback_seconds)
        return Places(clock=self.clock, run=run)


def _missing() -> NotFound:
    return NotFound("membership", path=["input", "membershipId"])


async def _held(session: Session, scope: Scope, who: UserRef) -> User | None:
    """Hold the user to add: by id somebody the caller may see, by address whoever has verified it.

    Raises:
        InvalidInput: not exactly one of the two is given.
    """
    if (who.id is None) == (who.email is None):
        raise InvalidInput("Give exactly one of userId and email.", path=["input"])
    if who.id is None:
        return await identity.hold_by_email(session, who.email or "")
    seen = await Reading(scope=scope).user(session, who.id)
    return None if seen is None else await identity.hold(session, seen.id)

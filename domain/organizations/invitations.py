"""Commands on invitations: places offered to e-mail addresses, each holding its seat until it ends.

Hold the user and lock the organization before judging by rows, refuse first, write last. The token is handed out once
and kept nowhere: neither here, nor in the outbox, nor in the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain import identity, ids, outbox, rights
from domain.clock import Clock
from domain.db import Session
from domain.errors import (
    AlreadyMember,
    CallbackRefused,
    InvalidInput,
    InvitationInvalid,
    NotFound,
    SeatLimitReached,
)
from domain.identity import User
from domain.ids import InvitationId, Prefix
from domain.organizations import policy, tokens
from domain.organizations.callbacks import CallbackRun, Entry, OrganizationCallbacks
from domain.organizations.endings import Endings, find_invitation, record
from domain.organizations.invitation_mail import InvitationMail
from domain.organizations.models import Invitation, InvitationStatus, Membership, Organization
from domain.organizations.names import checked_email
from domain.organizations.places import Places, locked, membership_of
from domain.organizations.reading import rank
from domain.rights import CHANGE_MEMBERS, TAKE_PART
from domain.scope import Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An invitation just made, and its token, which nobody can ask for again."""

    invitation: Invitation
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitations:
    """Invites, lets the invited in, and ends invitations. An invitation lives for `days`."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    callback_seconds: float
    secret_keys: Sequence[str]
    days: int

    async def authorize(self, session: Session, *, scope: Scope, organization_id: str, change_of: Role) -> None:
        """Let pass whoever may offer this role in the organization, or take the offer back.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller's role is too low.
        """
        policy.require(scope, await rank(session, scope, organization_id), rights.change_of(change_of))

    async def invite(self, session: Session, *, scope: Scope, organization_id: str, email: str, role: Role) -> Invited:
        """Offer a place to an address and hold a seat for it; a pending offer to the same address ends by that.

        Raises:
            InvalidInput: the address cannot be, or its user is being deleted.
            NotFound: no such organization for this caller.
            Forbidden: the caller's role is too low for this offer, or for the pending one that it would end.
            AlreadyMember: the address is a member's.
            SeatLimitReached: no seat is free.
            CallbackRefused: a host refused.
        """
        scope.require(CHANGE_MEMBERS.scope)
        email = checked_email(email)
        user = await identity.hold_by_email(session, email)
        organization = await locked(session, organization_id)
        await self.authorize(session, scope=scope, organization_id=organization_id, change_of=role)
        if organization is None:
            raise NotFound("organization", path=["input", "organizationId"])
        await _require_outsider(session, organization, user, email)
        run, now = self._run("inviteMember"), self.clock.now()
        endings = Endings(run=run, scope=scope, now=now)
        former = await endings.supersede(session, organization=organization, email=email)
        before = OrganizationCallbacks.before_invite
        await run(before, session=session, organization=organization, email=email, role=role, scope=scope)
        invitation = self._offer(scope, organization, email, role, now)
        session.add(invitation)
        await session.flush()
        payload = {"invitation_id": invitation.id}
        await outbox.put(session, topic=InvitationMail.TOPIC, key=invitation.id, payload=payload, at=now)
        before_it = None if former is None else {"invitation_id": former.id}
        await record(session, "invitation.created", invitation, scope=scope, at=now, before=before_it)
        token = tokens.token_of(self.secret_keys, invitation_id=invitation.id, nonce=invitation.nonce)
        return Invited(invitation=invitation, token=token)

    async def accept(self, session: Session, *, scope: Scope, token: str) -> Membership:
        """Let the caller in by a living invitation to their verified address; never refused for want of a seat.

        Raises:
            Forbidden: nobody comes in: a key that acts for no user, or that lacks the scope.
            InvitationInvalid: the token opens nothing for this caller; why is never told.
            AlreadyMember: the caller has a place already; the invitation stays.
            CallbackRefused: a host refused.
        """
        user = await identity.hold(session, scope.require_user(TAKE_PART.scope))
        invitation, organization = await self._proven(session, token)
        if user is None or user.email is None or user.email != invitation.email:
            raise InvitationInvalid
        if invitation.status_at(self.clock.now()) is not InvitationStatus.PENDING:
            raise InvitationInvalid
        if found := await membership_of(session, organization.id, user.id):
            raise AlreadyMember(membership_id=found.id)
        run = self._run("acceptInvitation")
        membership = await self._enter(session, run, organization, user, invitation, scope)
        endings = Endings(run=run, scope=scope, now=membership.joined_at)
        await endings.end(session, invitation, InvitationStatus.ACCEPTED)
        entered = {"membership_id": membership.id, "user_id": user.id}
        await record(session, "invitation.accepted", invitation, scope=scope, at=endings.now, after=entered)
        return membership

    async def revoke(self, session: Session, *, scope: Scope, invitation_id: str) -> Invitation:
        """Take a pending offer back and let its seat go.

        Raises:
            NotFound: no such invitation for this caller.
            Forbidden: the caller's role is too low.
            InvalidInput: the invitation is no longer pending.
            CallbackRefused: a host refused.
        """
        scope.require(CHANGE_MEMBERS.scope)
        seen = await find_invitation(session, invitation_id)
        if seen is None or await locked(session, seen.organization_id) is None:
            raise _missing()
        own = await rank(session, scope, seen.organization_id)
        if own is None:
            raise _missing()
        policy.require(scope, own, rights.change_of(seen.role))
        invitation, now = await find_invitation(session, invitation_id), self.clock.now()
        if invitation is None or invitation.status_at(now) is not InvitationStatus.PENDING:
            raise InvalidInput("Only a pending invitation can be revoked.", path=["input", "invitationId"])
        endings = Endings(run=self._run("revokeInvitation"), scope=scope, now=now)
        await endings.end(session, invitation, InvitationStatus.REVOKED)
        await record(session, "invitation.revoked", invitation, scope=scope, at=now)
        return invitation

    async def _proven(self, session: Session, token: str) -> tuple[Invitation, Organization]:
        """Find the invitation whose token this is, and lock its organization.

        A token of no invitation is compared all the same, so that the time taken does not tell which ids there are.

        Raises:
            InvitationInvalid: there is none, or its organization is gone.
        """
        seen = await find_invitation(session, tokens.id_in(token))
        id, nonce = (seen.id, seen.nonce) if seen else (tokens.id_in(token), tokens.new_nonce())
        if not tokens.proves(self.secret_keys, token, invitation_id=id, nonce=nonce) or seen is None:
            raise InvitationInvalid
        organization = await locked(session, seen.organization_id)
        invitation = await find_invitation(session, id)
        if organization is None or invitation is None:
            raise InvitationInvalid
        return invitation, organization

    async def _enter(
        self,
        session: Session,
        run: CallbackRun,
        organization: Organization,
        user: User,
        invitation: Invitation,
        scope: Scope,
    ) -> Membership:
        try:
            return await Places(clock=self.clock, run=run).enter(
                session,
                organization=organization,
                user=user,
                role=invitation.role,
                scope=scope,
                entry=Entry.INVITED,
                invitation=invitation,
            )
        except SeatLimitReached as refused:
            # The invitation holds its seat; whoever refuses it here all the same is a host like any other.
            step = OrganizationCallbacks.before_add_member.__name__
            raise CallbackRefused(operation="acceptInvitation", step=step, reason=refused.reason) from refused

    def _offer(self, scope: Scope, organization: Organization, email: str, role: Role, now: datetime) -> Invitation:
        expires_at = now + timedelta(days=self.days)
        return Invitation(
            id=InvitationId(ids.new(Prefix.INVITATION, at=now)),
            organization_id=organization.id,
            email=email,
            role=role,
            status=InvitationStatus.PENDING,
            invited_by_kind=scope.effective_actor.kind,
            invited_by_id=scope.effective_actor.id,
            nonce=tokens.new_nonce(),
            created_at=now,
            expires_at=expires_at,
            tidy_at=expires_at,
        )

    def _run(self, operation: str) -> CallbackRun:
        return CallbackRun(self.callbacks, operation=operation, seconds=self.callback_seconds)


async def _require_outsider(session: Session, organization: Organization, user: User | None, email: str) -> None:
    """Keep an address from being invited that is a member's, or that of a user who is being deleted.

    Raises:
        InvalidInput: its user is being deleted.
        AlreadyMember: its user has a place already.
    """
    known = user or await identity.find_by_email(session, email)
    if known is None:
        return
    if known.deleting_at is not None:
        raise InvalidInput("This address cannot be invited.", path=["input", "email"])
    if found := await membership_of(session, organization.id, known.id):
        raise AlreadyMember(membership_id=found.id)


def _missing() -> NotFound:
    return NotFound("invitation", path=["input", "invitationId"])

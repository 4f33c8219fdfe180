"""Who owns an organization: handing it on, and seeing to it that nobody's going leaves one without an owner."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain import audit, identity
from domain.clock import Clock
from domain.db import Session
from domain.errors import InvalidInput, NotFound
from domain.identity import User
from domain.organizations import policy
from domain.organizations.callbacks import CallbackRun, OrganizationCallbacks
from domain.organizations.models import Membership, Organization
from domain.organizations.places import locked, locked_owned, membership_of, require_another_owner
from domain.organizations.reading import Reading, rank
from domain.rights import CHANGE_ROLES, TAKE_PART
from domain.scope import Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Who owns the organization now, and who did before; None when nobody gave the role away."""

    new_owner: Membership
    former_owner: Membership | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Hands organizations on. `callbacks` run in the order given, inside the transaction."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    callback_seconds: float

    async def authorize(self, session: Session, *, scope: Scope, organization_id: str) -> None:
        """Let pass whoever is in the organization: a transfer that is done may be told to both who took part.

        Raises:
            NotFound: no such organization for this caller.
        """
        policy.require(scope, await rank(session, scope, organization_id), TAKE_PART)

    async def transfer(self, session: Session, *, scope: Scope, organization_id: str, membership_id: str) -> Transfer:
        """Make a member OWNER and the user who was one and asks ADMIN; whoever had no such role gives none away.

        Raises:
            NotFound: no such organization or membership for this caller, or the member is being deleted.
            Forbidden: the caller's role is too low.
            InvalidInput: the membership is the caller's own.
            CallbackRefused: a host refused.
        """
        named = await Reading(scope=scope, by=CHANGE_ROLES.scope).membership(session, membership_id)
        heir = None if named is None else await identity.hold(session, named.user_id)
        organization = await locked(session, organization_id)
        policy.require(scope, await rank(session, scope, organization_id), CHANGE_ROLES)
        if organization is None:
            raise NotFound("organization", path=["input", "organizationId"])
        new = None if heir is None else await membership_of(session, organization.id, heir.id)
        if new is None or new.id != membership_id:
            raise NotFound("membership", path=["input", "membershipId"])
        if new.user_id == scope.user_id:
            raise InvalidInput("This membership is your own.", path=["input", "membershipId"])
        own = await membership_of(session, organization.id, scope.user_id) if scope.user_id else None
        former = own if own is not None and own.role is Role.OWNER else None
        changes = {new: Role.OWNER} | ({former: Role.ADMIN} if former is not None else {})
        await self._change(session, scope, organization, changes)
        return Transfer(new_owner=new, former_owner=former)

    async def _change(
        self, session: Session, scope: Scope, organization: Organization, wanted: dict[Membership, Role]
    ) -> None:
        """Write the roles that become others, as one command with one audit row; none of them: nothing has happened."""
        changes = {membership: role for membership, role in wanted.items() if membership.role is not role}
        if not changes:
            return
        run = CallbackRun(self.callbacks, operation="transferOwnership", seconds=self.callback_seconds)
        for membership, role in changes.items():
            step = OrganizationCallbacks.before_role_change
            await run(step, session=session, membership=membership, role=role, scope=scope)
        before = {membership.user_id: membership.role for membership in changes}
        for membership, role in changes.items():
            membership.role = role
        await session.flush()
        await audit.record(
            session,
            "ownership.transferred",
            scope=scope,
            at=self.clock.now(),
            subject_id=organization.id,
            organization_id=organization.id,
            before={"roles": before},
            after={"roles": {membership.user_id: membership.role for membership in changes}},
        )


async def require_replaceable(session: Session, *, user: User) -> None:
    """Let pass a user without whom every living organization still has an owner who stays.

    The caller holds the user's row for itself and marks the user in the same transaction; the organizations are locked
    from here on, in their order, so that no other owner goes meanwhile.

    Raises:
        LastOwner: the user is the only owner of an organization; the first of several.
    """
    for organization in await locked_owned(session, user.id):
        membership = await membership_of(session, organization.id, user.id)
        if membership is not None:
            await require_another_owner(session, membership)

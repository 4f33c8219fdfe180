"""What each half answers to the other's seams. Only wiring hands these in; without them organizations work on alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from domain import billing
from domain.billing import Access, AccessOf, Commands, Customer, Departing, Owner, OwnerKind, Standing
from domain.clock import Clock
from domain.db import Session
from domain.entitlements import Entitlements, Granted, granted_to
from domain.hooks import LifecycleHook, LifecycleHooks, lifecycle_hooks
from domain.identity import User
from domain.organizations import (
    Entry,
    Invitation,
    InvitationStatus,
    Members,
    Membership,
    Organization,
    OrganizationCallbacks,
    rank,
    require_replaceable,
)
from domain.scope import Role, Scope


class SeatCallbacks(OrganizationCallbacks):
    """Billing's answer to the seams: a customer for each organization, a seat for each member and each invitation."""

    def __init__(self, *, entitlements: Entitlements, clock: Clock, invitation_days: int) -> None:
        self._entitlements = entitlements
        self._clock = clock
        self._invitation_days = timedelta(days=invitation_days)

    async def after_create_organization(self, *, session: Session, organization: Organization, **_: object) -> None:
        """Give the organization its customer, in its founding transaction."""
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=organization.id)
        await billing.create_customer(session, owner=owner, at=organization.created_at)

    async def after_delete_organization(self, *, session: Session, organization: Organization, **_: object) -> None:
        """Let the organization's subscriptions end with their periods, and at once when it can no longer come back."""
        now = self._clock.now()
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=organization.id)
        await billing.close_customer(session, owner=owner, at=organization.restorable_until or now, now=now)

    async def after_restore_organization(self, *, session: Session, organization: Organization, **_: object) -> None:
        """Take that back."""
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=organization.id)
        await billing.reopen_customer(session, owner=owner, now=self._clock.now())

    async def before_add_member(
        self,
        *,
        session: Session,
        organization: Organization,
        user: User,
        entry: Entry,
        invitation: Invitation | None,
        **_: object,
    ) -> None:
        """Take a seat; the founding owner's is taken without asking, and an invitation's becomes the member's.

        Raises:
            SeatLimitReached: every seat is taken.
        """
        if entry is Entry.FOUNDING:
            await billing.seats.found(session, organization_id=organization.id, user_id=user.id)
        elif invitation is not None:
            held = billing.seats.invited(organization_id=organization.id, email=invitation.email)
            await billing.seats.turn(session, organization_id=organization.id, invitation=held, user_id=user.id)
        else:
            await self._claim(session, organization, billing.seats.member(user.id), self._clock.now())

    async def after_add_member(self, *, session: Session, membership: Membership, **_: object) -> None:
        """Let the quantity that is paid for follow."""
        await self._follow(session, membership)

    async def after_member_remove(self, *, session: Session, membership: Membership, **_: object) -> None:
        """Give the seat back, and let the quantity that is paid for follow."""
        holder = billing.seats.member(membership.user_id)
        await billing.seats.release(session, organization_id=membership.organization_id, holder=holder)
        await self._follow(session, membership)

    async def before_invite(self, *, session: Session, organization: Organization, email: str, **_: object) -> None:
        """Take a seat for as long as the invitation lives, or a moment longer, having looked at the clock later.

        Raises:
            SeatLimitReached: every seat is taken.
        """
        now = self._clock.now()
        expires_at = now + self._invitation_days
        holder = billing.seats.invited(organization_id=organization.id, email=email, expires_at=expires_at)
        await self._claim(session, organization, holder, now)

    async def after_invitation_end(
        self, *, session: Session, invitation: Invitation, outcome: InvitationStatus, **_: object
    ) -> None:
        """Give the seat back, unless it has become a member's."""
        if outcome is not InvitationStatus.ACCEPTED:
            holder = billing.seats.invited(organization_id=invitation.organization_id, email=invitation.email)
            await billing.seats.release(session, organization_id=invitation.organization_id, holder=holder)

    async def _follow(self, session: Session, membership: Membership) -> None:
        """Ask for a look at the quantity, where some plan has one that follows the seats."""
        debounce = self._entitlements.catalog.shortest_debounce
        if debounce is not None:
            now = self._clock.now()
            await billing.ask_to_follow(session, membership.organization_id, now=now, debounce=debounce)

    async def _claim(
        self, session: Session, organization: Organization, holder: billing.seats.Holder, now: datetime
    ) -> None:
        limit = self._entitlements.seat_limit
        await billing.seats.claim(session, organization_id=organization.id, holder=holder, limit=limit, now=now)


class Leaving(LifecycleHook):
    """Organizations' part in a user's going: none loses its last owner, and every place is given up."""

    def __init__(self, members: Members) -> None:
        self._members = members

    async def check(self, *, session: Session, user: User, **_: object) -> None:
        """Let pass whom every living organization can do without.

        Raises:
            LastOwner: the user is the only owner of one who stays.
        """
        await require_replaceable(session, user=user)

    async def apply(self, *, session: Session, user: User, scope: Scope) -> None:
        """End every membership, as if each had been removed."""
        await self._members.remove_all_of(session, user=user, scope=scope, operation="deleteUser")


def hooks_of(given: Mapping[str, object], members: Members, commands: Commands) -> LifecycleHooks:
    """Join the host's hooks and ours; when a user is deleted, organizations are asked before billing."""
    ours = {"on_register": customer_of_user, "on_delete": Leaving(members)}
    return lifecycle_hooks(given, ours, {"on_delete": Departing(commands)})


async def customer_of_user(*, session: Session, user: User, **_: object) -> None:
    """Give a user their customer, in the transaction that makes them: a check of `on_register`."""
    await billing.create_customer(session, owner=Owner(kind=OwnerKind.USER, id=user.id), at=user.created_at)


async def role_for(session: Session, scope: Scope, customer: Customer) -> Role | None:
    """Tell the caller's standing towards a customer: OWNER for the own, else as what they act in its organization."""
    return billing.role_towards(scope, customer, await rank(session, scope, customer.owner_id, living=False))


class CatalogAccesses:
    """Tells billing, which knows no plans and no overrides, what rows of its mirror give; nothing in doubt."""

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements

    async def of(self, session: Session, customer_ids: Sequence[str]) -> dict[str, AccessOf]:
        """Read the overrides of customers; what one of them has is worked out from its rows and these."""
        granted = await granted_to(session, customer_ids)
        return {id: self._beside(granted.get(id, ())) for id in customer_ids}

    def of_nobody(self, rows: Sequence[Standing], *, now: datetime) -> Access:
        """Say what rows give by themselves."""
        return self._beside(())(rows, now=now)

    def _beside(self, granted: Sequence[Granted]) -> AccessOf:
        def access_of(rows: Sequence[Standing], *, now: datetime) -> Access:
            given = self._entitlements.given_by(rows, granted, now=now)
            return Access(
                seat_limit=self._entitlements.catalog.seat_limit,
                plans=given.plans,
                features=given.features,
                quantities=given.quantities,
            )

        return access_of

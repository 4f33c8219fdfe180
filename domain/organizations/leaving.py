"""What becomes of organizations when a user is deleted: none loses its last owner, and every place is given up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from domain import audit
from domain.clock import Clock
from domain.db import Session
from domain.hooks import LifecycleHook
from domain.organizations.callbacks import CallbackRun, OrganizationCallbacks
from domain.organizations.models import Membership, Organization
from domain.organizations.places import Places, require_another_owner
from domain.scope import Role, Scope


class Leaving(LifecycleHook):
    """Organizations' hook of `on_delete`. The user is held, and nobody can be added in the meantime."""

    def __init__(self, *, clock: Clock, callbacks: Sequence[OrganizationCallbacks], callback_seconds: float) -> None:
        self._clock = clock
        self._callbacks = callbacks
        self._seconds = callback_seconds

    async def check(self, *, session: Session, user: Any, scope: Scope) -> None:  # noqa: ARG002 - the hook's signature
        """Look at every living organization that the user owns; they stay held until the user is marked.

        Raises:
            LastOwner: one of them has no other owner who stays.
        """
        owned = _places_of(user.id).where(Membership.role == Role.OWNER)
        await _hold(session, owned)
        living = select(Organization.id).where(Organization.deleted_at.is_(None))
        for place in (await session.execute(owned.where(Membership.organization_id.in_(living)))).scalars().all():
            await require_another_owner(session, place)

    async def apply(self, *, session: Session, user: Any, scope: Scope) -> None:
        """End every membership of the user, as if each had been removed."""
        places = _places_of(user.id)
        await _hold(session, places)
        for place in (await session.execute(places)).scalars().all():
            run = CallbackRun(self._callbacks, operation="deleteUser", seconds=self._seconds)
            await Places(clock=self._clock, run=run).leave(session, membership=place, scope=scope)
            await audit.record(
                session,
                "membership.removed",
                scope=scope,
                at=self._clock.now(),
                subject_id=place.id,
                organization_id=place.organization_id,
                before={"user_id": place.user_id, "role": place.role},
            )


def _places_of(user_id: str) -> Select[Membership]:
    return select(Membership).where(Membership.user_id == user_id).order_by(Membership.organization_id)


async def _hold(session: Session, places: Select[Membership]) -> None:
    """Hold the organizations of these places still, in the order of their ids, so that nobody waits in a circle."""
    ids = places.with_only_columns(Membership.organization_id).order_by(None)
    held = select(Organization).where(Organization.id.in_(ids)).order_by(Organization.id)
    await session.execute(held.with_for_update(key_share=True))

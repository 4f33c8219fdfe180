"""The planted fault: count first, insert later, as is done where nobody thinks of two at once.

Only a proof that is asked to prove itself uses it. The seats are counted before the command begins, so that no lock of
the command can put the count right.
"""

import asyncio
from dataclasses import dataclass, replace
from functools import partial

from domain import billing
from domain.db import Session
from domain.errors import SeatLimitReached
from domain.identity import User
from domain.organizations import Members, Organization, OrganizationCallbacks
from domain.proofs.seats.operations import enter
from domain.wiring import Services
from domain.wiring.seams import SeatCallbacks

MOMENT_SECONDS = 0.05


class SeatsForEverybody(SeatCallbacks):
    """Takes a seat for whoever comes: somebody has counted before."""

    def __init__(self, services: Services) -> None:
        super().__init__(
            entitlements=services.entitlements,
            clock=services.clock,
            invitation_days=services.settings.invitation_days,
        )
        self._now = services.clock.now

    async def before_add_member(self, *, session: Session, organization: Organization, user: User, **_: object) -> None:
        """Take a seat, unasked."""
        holder = billing.seats.member(user.id)
        await billing.seats.claim(
            session, organization_id=organization.id, holder=holder, limit=_unlimited, now=self._now()
        )


@dataclass(frozen=True, slots=True)
class NaiveAdding:
    """Counts, and then adds."""

    services: Services
    members: Members

    async def __call__(self, organization_id: str, user_id: str) -> str:
        """Add if there was a free seat a moment ago."""
        async with self.services.database.snapshot() as session:
            usage = (await self.services.entitlements.seat_usages(session, [organization_id]))[organization_id]
        if usage.available == 0:
            raise SeatLimitReached(organization_id=organization_id, limit=usage.limit or 0)
        # What a busy server does in between, so that the fault shows soon.
        await asyncio.sleep(MOMENT_SECONDS)
        return await self.services.database.run(partial(enter, self.members, organization_id, user_id))


def naive(services: Services) -> NaiveAdding:
    """Plant the fault: the real command, with the naive check in place of billing's claim."""
    callbacks: tuple[OrganizationCallbacks, ...] = (SeatsForEverybody(services),)
    return NaiveAdding(services, replace(services.members, callbacks=callbacks))


async def _unlimited(_: Session, __: str) -> int | None:
    return None

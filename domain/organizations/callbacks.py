"""The seams of organizations: every point at which a host may look on, and most at which it may refuse.

Each method runs inside the command's own transaction, with everything the command has written so far visible in
`session`. Raising `domain.errors.Refused(reason)` from any of them aborts the whole command: no row of any kind is left
and the caller reads the reason. The session refuses commit, rollback and close. No network in here: the transaction
holds locks. All callbacks of one command together have `SEATGATE_CALLBACK_SECONDS`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from typing import Any

from domain.db import Session
from domain.errors import CallbackRefused, Refused, SeatLimitReached
from domain.identity import User
from domain.organizations.models import Invitation, InvitationStatus, Membership, Organization
from domain.scope import Role, Scope


class Entry(StrEnum):
    """How somebody comes in: as the founding owner, added by a member, or by accepting an invitation."""

    FOUNDING = "FOUNDING"
    ADDED = "ADDED"
    INVITED = "INVITED"


class OrganizationCallbacks:
    """What a host overrides. Every method does nothing by default."""

    async def before_create_organization(
        self, *, session: Session, name: str, slug: str, owner: User, scope: Scope
    ) -> None:
        """Run before an organization is written; refuse to keep it from being made."""

    async def after_create_organization(self, *, session: Session, organization: Organization, scope: Scope) -> None:
        """Run after the organization and its founding owner are written; refusing undoes both."""

    async def before_delete_organization(self, *, session: Session, organization: Organization, scope: Scope) -> None:
        """Run before an organization is hidden; refuse to keep it."""

    async def after_delete_organization(self, *, session: Session, organization: Organization, scope: Scope) -> None:
        """Run after an organization is hidden, with `organization.restorable_until` set; refusing undoes it."""

    async def after_restore_organization(self, *, session: Session, organization: Organization, scope: Scope) -> None:
        """Run after a deleted organization has come back; refusing leaves it deleted."""

    async def before_add_member(
        self,
        *,
        session: Session,
        organization: Organization,
        user: User,
        role: Role,
        scope: Scope,
        entry: Entry,
        invitation: Invitation | None,
    ) -> None:
        """Run before a membership is written, whatever way the user comes in; refuse to keep the user out."""

    async def after_add_member(self, *, session: Session, membership: Membership, scope: Scope) -> None:
        """Run after a membership is written; refusing undoes it."""

    async def before_role_change(self, *, session: Session, membership: Membership, role: Role, scope: Scope) -> None:
        """Run before a member's role becomes `role`; refuse to keep the role as it is."""

    async def after_member_remove(self, *, session: Session, membership: Membership, scope: Scope) -> None:
        """Run after a membership is deleted, whatever way out; refusing keeps the member."""

    async def before_invite(
        self, *, session: Session, organization: Organization, email: str, role: Role, scope: Scope
    ) -> None:
        """Run before an invitation is written; refuse to keep it from being made."""

    async def after_invitation_end(
        self, *, session: Session, invitation: Invitation, outcome: InvitationStatus, scope: Scope
    ) -> None:
        """Run after an invitation has been accepted, revoked, superseded, or found expired; refusing undoes that."""


class CallbackRun:
    """All callbacks of one command: each object in the order given, one time budget for all of them together."""

    def __init__(self, callbacks: Sequence[OrganizationCallbacks], *, operation: str, seconds: float) -> None:
        self._callbacks = callbacks
        self._operation = operation
        self._seconds_left = seconds

    async def __call__(self, step: Callable[..., Coroutine[Any, Any, None]], **facts: object) -> None:
        """Run one step, named by its method on the base class, on every object.

        Raises:
            CallbackRefused: a host said no, or the time was up (reason `timeout`).
            SeatLimitReached: billing said no; it passes as it is.
        """
        for callbacks in self._callbacks:
            await self._run(getattr(callbacks, step.__name__)(**facts), step=step.__name__)

    async def _run(self, call: Coroutine[Any, Any, None], *, step: str) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._seconds_left):
                await call
        except TimeoutError as error:
            raise CallbackRefused(operation=self._operation, step=step, reason="timeout") from error
        except Refused as refused:
            if isinstance(refused, SeatLimitReached | CallbackRefused):
                raise
            raise CallbackRefused(operation=self._operation, step=step, reason=refused.reason) from refused
        self._seconds_left -= loop.time() - began

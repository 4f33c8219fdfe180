"""The mail of an invitation, made at the moment it is sent: only then is there a token in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import bindparam, select

from domain import identity, mail
from domain.clock import Clock
from domain.db import Database
from domain.mail import Mailer, Message
from domain.organizations import tokens
from domain.organizations.models import Invitation, InvitationStatus, Organization
from domain.scope import ActorKind

_LIVING = (
    select(Invitation, Organization)
    .join(Organization, Organization.id == Invitation.organization_id)
    .where(Invitation.id == bindparam("invitation"), Organization.deleted_at.is_(None))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMail:
    """Tells the invited. With a `public_url` the mail holds a link there, without one the bare token."""

    TOPIC: ClassVar[str] = "mail.invitation"
    """The outbox topic; the payload names the invitation and nothing else."""

    database: Database
    clock: Clock
    mailer: Mailer
    secret_keys: Sequence[str]
    public_url: str | None

    async def deliver(self, payload: dict[str, Any]) -> None:
        """Send the mail of an invitation that is still pending; one that has ended meanwhile sends nothing."""
        message = await self._message(str(payload["invitation_id"]))
        if message is not None:
            await self.mailer.send(message)

    async def _message(self, invitation_id: str) -> Message | None:
        async with self.database.snapshot() as session:
            found = (await session.execute(_LIVING, {"invitation": invitation_id})).one_or_none()
            if found is None or found.Invitation.status_at(self.clock.now()) is not InvitationStatus.PENDING:
                return None
            invitation, organization = found
            by = invitation.invited_by_kind is ActorKind.USER
            inviter = await identity.find(session, invitation.invited_by_id) if by else None
        token = tokens.token_of(self.secret_keys, invitation_id=invitation.id, nonce=invitation.nonce)
        return mail.render(
            "invitation",
            to=invitation.email,
            subject=f"Join {organization.name}",
            id=invitation.id,
            secrets=(token,),
            organization=organization.name,
            inviter=inviter.name if inviter else None,
            role=invitation.role.value.capitalize(),
            email=invitation.email,
            expires_on=f"{invitation.expires_at.day} {invitation.expires_at:%B %Y, %H:%M} UTC",
            token=token,
            link=self._link(token),
        )

    def _link(self, token: str) -> str | None:
        """Make the address of the host's own page, which then calls acceptInvitation with the token."""
        if self.public_url is None:
            return None
        return f"{self.public_url.rstrip('/')}/invitations/accept?token={token}"

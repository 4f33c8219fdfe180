"""What must be true of organizations, in plain values: who is in, who is invited, and what each deed must come to."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.errors import (
    AlreadyMember,
    DomainError,
    InvalidInput,
    InvitationInvalid,
    LastOwner,
    NotFound,
    SeatLimitReached,
)
from domain.scope import Role

RESTORE = timedelta(days=14)
INVITED = timedelta(days=7)

Refusal = type[DomainError] | None
"""How a deed must be refused; None when it must succeed."""


@dataclass(slots=True, kw_only=True)
class Offer:
    """A pending invitation, by the address that it was made to."""

    id: str
    token: str
    role: Role
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Tenant:
    """One organization: members by name, offers by name, whether it is deleted. `limit` is read before each deed."""

    id: str
    members: dict[str, Role]
    offers: dict[str, Offer] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    """Tokens that open nothing any more."""
    restorable_until: datetime | None = None
    gone: bool = False

    def living(self, now: datetime) -> dict[str, Offer]:
        """Give the offers that have not expired; each holds a seat."""
        return {name: offer for name, offer in self.offers.items() if now < offer.expires_at}

    def owners(self) -> list[str]:
        """Name the owners."""
        return [name for name, role in self.members.items() if role is Role.OWNER]

    def full(self, limit: int | None, now: datetime, *, without: str = "") -> bool:
        """Say whether no seat is free, not counting what one person's offer holds."""
        held = len(self.members) + len(self.living(now).keys() - {without})
        return limit is not None and held >= limit

    @property
    def deleted(self) -> bool:
        """Say whether it is hidden or gone."""
        return self.gone or self.restorable_until is not None

    def adding(self, name: str, limit: int | None, now: datetime, *, known: bool) -> Refusal:
        """Say what adding somebody must come to; their own pending offer makes room for them."""
        if self.deleted or not known:
            return NotFound
        if name in self.members:
            return AlreadyMember
        return SeatLimitReached if self.full(limit, now, without=name) else None

    def inviting(self, name: str, limit: int | None, now: datetime) -> Refusal:
        """Say what inviting an address must come to; its older offer makes room for the new one."""
        return self.adding(name, limit, now, known=True)

    def leaving(self, name: str) -> Refusal:
        """Say what the end of a membership must come to."""
        if self.deleted:
            return NotFound
        return LastOwner if self.owners() == [name] else None

    def changing(self, name: str, role: Role) -> Refusal:
        """Say what another role for a member must come to."""
        if self.deleted:
            return NotFound
        return LastOwner if self.owners() == [name] and role is not Role.OWNER else None

    def accepting(self, name: str, now: datetime) -> Refusal:
        """Say what accepting the newest offer to oneself must come to; a full house is no matter."""
        if self.deleted or name not in self.living(now):
            return InvitationInvalid
        return AlreadyMember if name in self.members else None

    def revoking(self, name: str, now: datetime) -> Refusal:
        """Say what taking an offer back must come to."""
        if self.deleted:
            return NotFound
        return None if name in self.living(now) else InvalidInput

    def restoring(self, now: datetime) -> Refusal:
        """Say what undoing the deletion must come to."""
        if self.gone or self.restorable_until is None or now > self.restorable_until:
            return NotFound
        return None if self.owners() else InvalidInput

    def end_offer(self, name: str) -> None:
        """Forget an offer, and remember that its token opens nothing."""
        if name in self.offers:
            self.ended.append(self.offers.pop(name).token)

"""Who is asking and for whom: the one value that every command and read is handed."""

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import Forbidden
from domain.ids import UserId


class Role(StrEnum):
    """A member's rank in an organization: OWNER over ADMIN over MEMBER."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"

    @property
    def rank(self) -> int:
        """Say how high the role stands; a larger number may do more."""
        return (Role.MEMBER, Role.ADMIN, Role.OWNER).index(self)


class ActorKind(StrEnum):
    """What kind of actor does a thing."""

    USER = "user"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does things: a user by id, or a part of Seatgate by its name."""

    kind: ActorKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The proven identity behind one operation and what it may do. Made from a credential, never from arguments."""

    actor: Actor
    administrator: bool = False
    request_id: str | None = None
    label: str | None = None
    """The actor's name or address at this moment, for the audit ledger's erasable labels."""

    @property
    def user_id(self) -> UserId | None:
        """The user for whom this happens; None for the system."""
        return UserId(self.actor.id) if self.actor.kind is ActorKind.USER else None

    def require_administrator(self) -> None:
        """Let administrators pass and refuse everybody else.

        Raises:
            Forbidden: the scope is not an administrator's.
        """
        if not self.administrator:
            raise Forbidden


def system(name: str) -> Scope:
    """Make the scope of a part of Seatgate that acts by itself: `worker`, `webhook`, `command line`."""
    return Scope(actor=Actor(kind=ActorKind.SYSTEM, id=name), administrator=True)

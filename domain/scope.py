"""Who is asking and for whom: the one value that every command and read is handed."""

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import Forbidden
from domain.ids import OrganizationId, UserId


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
    API_KEY = "api_key"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does things: a user or an API key by id, or a part of Seatgate by its name."""

    kind: ActorKind
    id: str


class ApiScope(StrEnum):
    """What an API key may be allowed. ADMIN makes an administrator."""

    ENTITLEMENTS_READ = "entitlements:read"
    ORGANIZATIONS_READ = "organizations:read"
    ORGANIZATIONS_WRITE = "organizations:write"
    MEMBERS_WRITE = "members:write"
    BILLING_WRITE = "billing:write"
    AUDIT_READ = "audit:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    USERS_WRITE = "users:write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """What an API key opens: its scopes, in its one organization, or in every one when it is the host's (None)."""

    scopes: frozenset[ApiScope]
    organization_id: OrganizationId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The proven identity behind one operation and what it may do. Made from a credential, never from arguments.

    `key` is what an API key opens, None for everybody else. `on_behalf_of` is the user for whom a host key acts; then
    both the key and the user must have a right, and nobody is an administrator.
    """

    actor: Actor
    administrator: bool = False
    request_id: str | None = None
    label: str | None = None
    """The actor's name or address at this moment, for the audit ledger's erasable labels."""
    key: KeyRights | None = None
    on_behalf_of: UserId | None = None

    @property
    def effective_actor(self) -> Actor:
        """For whom this happens: the user for whom a host key acts, else the actor."""
        return self.actor if self.on_behalf_of is None else Actor(kind=ActorKind.USER, id=self.on_behalf_of)

    @property
    def user_id(self) -> UserId | None:
        """The user for whom this happens; None for the system, and for a key that acts for nobody."""
        actor = self.effective_actor
        return UserId(actor.id) if actor.kind is ActorKind.USER else None

    def may(self, needed: ApiScope) -> bool:
        """Say whether the credential allows a kind of deed at all; what a role allows is asked besides."""
        if self.administrator or self.key is None:
            return self.administrator or needed is not ApiScope.ADMIN
        return needed in self.key.scopes and (needed is not ApiScope.ADMIN or self.on_behalf_of is None)

    def is_hosts(self, needed: ApiScope) -> bool:
        """Say whether this speaks for the host itself: an administrator, or a host key that may and acts for nobody."""
        host_key = self.key is not None and self.key.organization_id is None and self.on_behalf_of is None
        return self.administrator or (host_key and self.may(needed))

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

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

    def __post_init__(self) -> None:
        """Refuse what no credential can make, lest somebody has more rights by it than anybody gave.

        Raises:
            ValueError: a key's rights without the key, a user acted for by another than a host key, or an administrator
                who acts for somebody or by a key that makes none.
        """
        key, is_key = self.key, self.actor.kind is ActorKind.API_KEY
        hosts = key is None or key.organization_id is None
        if (key is not None and not is_key) or (self.on_behalf_of is not None and not (is_key and hosts)):
            raise ValueError("only a key has a key's rights, and only a host key acts for a user")
        makes_one = key is None or (hosts and ApiScope.ADMIN in key.scopes and self.on_behalf_of is None)
        if self.administrator and not makes_one:
            raise ValueError("only a host key with the scope admin makes an administrator, and for nobody else")

    @property
    def effective_actor(self) -> Actor:
        """For whom this happens: the user for whom a host key acts, else the actor."""
        return self.actor if self.on_behalf_of is None else Actor(kind=ActorKind.USER, id=self.on_behalf_of)

    @property
    def user_id(self) -> UserId | None:
        """The user for whom this happens; None for the system, and for a key that acts for nobody."""
        actor = self.effective_actor
        return UserId(actor.id) if actor.kind is ActorKind.USER else None

    @property
    def name(self) -> str:
        """What tells callers apart: the actor's id, and after a space the user's for whom a key acts."""
        return self.actor.id if self.on_behalf_of is None else f"{self.actor.id} {self.on_behalf_of}"

    @property
    def acts_as_key(self) -> bool:
        """Say whether a key acts, and for nobody but itself."""
        return self.key is not None and self.on_behalf_of is None

    @property
    def everywhere(self) -> bool:
        """Say whether every organization is open: to administrators, and to a host key that acts for nobody."""
        return self.administrator or (self.acts_as_key and self.confined_to is None)

    @property
    def confined_to(self) -> OrganizationId | None:
        """The one organization that is open to a key; None for everybody else."""
        return None if self.key is None else self.key.organization_id

    @property
    def looks_as(self) -> UserId | OrganizationId | None:
        """Through whose eyes one sees: the user, or the organization of a key; None where everything is open."""
        return self.confined_to or self.user_id

    def rank_in(self, organization_id: str) -> Role | None:
        """Say as what the credential itself acts: OWNER everywhere, a key in its organization ADMIN.

        None for whoever acts as a user: that is told by memberships.
        """
        if self.everywhere:
            return Role.OWNER
        return Role.ADMIN if self.confined_to is not None and self.confined_to == organization_id else None

    def may(self, needed: ApiScope) -> bool:
        """Say whether the credential allows a kind of deed at all; what a role allows is asked besides.

        A user's allows every kind but ADMIN, and so does a host key with the scope admin that acts for a user.
        """
        if self.administrator or needed is ApiScope.ADMIN:
            return self.administrator
        if self.key is None:
            return self.actor.kind is ActorKind.USER
        return needed in self.key.scopes or (ApiScope.ADMIN in self.key.scopes and self.on_behalf_of is not None)

    def is_hosts(self, needed: ApiScope) -> bool:
        """Say whether this speaks for the host itself: an administrator, or a host key that may and acts for nobody."""
        return self.everywhere and self.may(needed)

    def require(self, needed: ApiScope) -> None:
        """Let pass whose credential allows a kind of deed.

        Raises:
            Forbidden: a key without the scope, whatever is named: so it tells nothing of what is there.
        """
        if not self.may(needed):
            raise Forbidden

    def require_host(self, needed: ApiScope) -> None:
        """Let pass whoever speaks for the host itself.

        Raises:
            Forbidden: a user, the key of one organization, a key that acts for a user or lacks the scope.
        """
        if not self.is_hosts(needed):
            raise Forbidden

    def require_user(self, needed: ApiScope) -> UserId:
        """Give the user for whom this happens, where a key acts for one and may.

        Raises:
            Forbidden: there is no user, or the key lacks the scope.
        """
        self.require(needed)
        if self.user_id is None:
            raise Forbidden
        return self.user_id

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

"""Making keys, ending them, and telling at each request what the one that is shown opens.

No "yes" is ever remembered: every request reads the key's row, so that revoked here is dead everywhere at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, or_, select

from domain import audit, ids
from domain.clock import Clock
from domain.db import Database, Lookup, Session
from domain.errors import Forbidden, NotFound, Unauthenticated
from domain.identity.keys.models import ApiKey
from domain.identity.keys.reading import KeyReading, governs
from domain.identity.keys.secret import ShownKey, digest_of, new_secret
from domain.identity.keys.tenants import Tenants
from domain.identity.keys.uses import Uses
from domain.identity.keys.wishes import checked_end, checked_label, checked_scopes
from domain.identity.models import User
from domain.identity.users import STAYING
from domain.ids import ApiKeyId, OrganizationId, Prefix, UserId
from domain.scope import Actor, ActorKind, ApiScope, KeyRights, Scope

_LOCK = (
    select(ApiKey)
    .where(ApiKey.id == bindparam("key"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_READ = ("id", "label", "scopes", "organization_id", "last_used_at", "expires_at", "revoked_at")
_STAYS = exists().where(User.id == bindparam("user"), STAYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A key just made, and its secret, which nobody can ask for again."""

    key: ApiKey
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenKey:
    """A key that opens something now: what it makes of its bearer, and from when on (UTC) it proves nothing."""

    scope: Scope
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Found:
    """What one read tells of a shown key, its organization, and the user for whom it is to act."""

    id: ApiKeyId
    label: str
    scopes: frozenset[ApiScope]
    organization_id: OrganizationId | None
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    tenant_lives: bool
    user_stays: bool

    def opens(self, shown: ShownKey, *, now: datetime) -> bool:
        """Say whether it opens anything; for somebody else only the host's does, and for nobody who is gone."""
        living = self.revoked_at is None and (self.expires_at is None or now < self.expires_at) and self.tenant_lives
        return living and (shown.on_behalf_of is None or (self.organization_id is None and self.user_stays))

    def scope(self, on_behalf_of: UserId | None, *, request_id: str | None) -> Scope:
        """Say what it makes of its bearer: an administrator where the host says so, and never for somebody else."""
        hosts_own = self.organization_id is None and on_behalf_of is None
        return Scope(
            actor=Actor(kind=ActorKind.API_KEY, id=self.id),
            administrator=hosts_own and ApiScope.ADMIN in self.scopes,
            request_id=request_id,
            label=self.label,
            key=KeyRights(scopes=self.scopes, organization_id=self.organization_id),
            on_behalf_of=on_behalf_of,
        )


class ApiKeys:
    """Makes, proves and revokes keys. An organization's are its OWNER's business, the host's the administrators'.

    A key itself makes and revokes none, whatever its scopes, unless it is an administrator.
    """

    def __init__(self, *, database: Database, clock: Clock, tenants: Tenants) -> None:
        self._database = database
        self._clock = clock
        self._tenants = tenants
        self._uses = Uses(database)
        tenant_lives = or_(ApiKey.organization_id.is_(None), tenants.lives(ApiKey.organization_id))
        columns = (*(getattr(ApiKey, name) for name in _READ), tenant_lives, _STAYS)
        self._known = Lookup(select(*columns).where(ApiKey.digest == bindparam("digest")))

    def reading(self, scope: Scope) -> KeyReading:
        """Give the reads of keys that a caller may make."""
        return KeyReading(scope=scope, tenants=self._tenants)

    async def prove(self, shown: ShownKey, *, request_id: str | None = None) -> ProvenKey:
        """Tell what a shown key opens at this moment, by one indexed read, whatever becomes of it.

        Raises:
            Unauthenticated: there is no such key, it is revoked or expired, its organization is deleted, or it may not
                act for this user; why is never told.
            Unavailable: the database could not be reached.
        """
        rows = await self._database.look_up(self._known, digest=shown.digest, user=shown.on_behalf_of or "")
        found, now = _Found(*rows[0]) if rows else None, self._clock.now()
        if found is None or not found.opens(shown, now=now):
            raise Unauthenticated
        self._uses.note(found.id, last=found.last_used_at, now=now)
        scope = found.scope(shown.on_behalf_of, request_id=request_id)
        return ProvenKey(scope=scope, expires_at=found.expires_at)

    async def authorize(self, session: Session, *, scope: Scope, organization_id: str | None) -> None:
        """Let pass whoever may make keys of an organization, or of the host (None), and hold the organization still.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller is not its OWNER, or no administrator where the key is to be the host's.
        """
        if organization_id is None:
            scope.require_administrator()
            return
        own = await self._tenants.rank(session, scope, organization_id)
        if own is None:
            raise NotFound("organization", path=["input", "organizationId"])
        if not governs(scope, own):
            raise Forbidden

    async def create(
        self,
        session: Session,
        *,
        scope: Scope,
        label: str,
        scopes: Collection[ApiScope],
        organization_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> MadeKey:
        """Make a key of an organization, or of the host; the secret is in the answer and kept nowhere.

        Raises:
            NotFound: no such organization for this caller.
            Forbidden: the caller is not its OWNER, or no administrator where the key is to be the host's.
            InvalidInput: the label is not 1 to 64 printable characters, there is no scope, one is for host keys alone,
                or the end is not in the future.
        """
        await self.authorize(session, scope=scope, organization_id=organization_id)
        now = self._clock.now()
        id = ApiKeyId(ids.new(Prefix.API_KEY, at=now))
        secret = new_secret(id)
        key = ApiKey(
            id=id,
            label=checked_label(label),
            scopes=checked_scopes(scopes, for_host=organization_id is None),
            organization_id=organization_id,
            digest=digest_of(secret),
            created_by_kind=scope.actor.kind,
            created_by_id=scope.actor.id,
            created_at=now,
            expires_at=checked_end(expires_at, now=now),
        )
        session.add(key)
        await session.flush()
        await _record(session, "api_key.created", key, scope=scope, at=now)
        return MadeKey(key=key, secret=secret)

    async def revoke(self, session: Session, *, scope: Scope, api_key_id: str) -> ApiKey:
        """End a key for good; one that is revoked already stays as it is.

        Raises:
            NotFound: no such key for this caller.
            Forbidden: the caller is in its organization, but not its OWNER.
        """
        seen = await session.get(ApiKey, api_key_id)
        if seen is None or not await self._within_reach(session, scope, seen):
            raise _missing()
        key = (await session.execute(_LOCK, {"key": seen.id})).scalar_one_or_none()
        if key is None:
            raise _missing()
        if key.revoked_at is None:
            key.revoked_at = self._clock.now()
            await _record(session, "api_key.revoked", key, scope=scope, at=key.revoked_at)
        return key

    async def _within_reach(self, session: Session, scope: Scope, key: ApiKey) -> bool:
        """Say whether the caller may end a key; no when it is as good as not there for them.

        Administrators end those of deleted organizations too, which come back to life with them.

        Raises:
            Forbidden: the caller is in its organization, but not its OWNER.
        """
        if scope.administrator or key.organization_id is None:
            return scope.administrator
        own = await self._tenants.rank(session, scope, key.organization_id)
        if own is not None and not governs(scope, own):
            raise Forbidden
        return own is not None

    async def aclose(self) -> None:
        """Write down what is known of keys in use."""
        await self._uses.written()


async def drop_keys(session: Session, organization_id: str) -> None:
    """Take the keys of an organization away that goes for good itself; the caller holds it still."""
    await session.execute(delete(ApiKey).where(ApiKey.organization_id == organization_id))


def _missing() -> NotFound:
    return NotFound("API key", path=["input", "apiKeyId"])


async def _record(session: Session, action: str, key: ApiKey, *, scope: Scope, at: datetime) -> None:
    """Write the audit row; its label can be erased, because people call keys by people's names."""
    ends = None if key.expires_at is None else key.expires_at.isoformat()
    await audit.record(
        session,
        action,
        scope=scope,
        at=at,
        subject_id=key.id,
        subject_label=key.label,
        organization_id=key.organization_id,
        after={"scopes": key.scopes_in_order, "expires_at": ends} if action == "api_key.created" else None,
    )

"""Reads of keys: an organization's for its OWNER, all of them for administrators, and for a key itself alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from domain.db import Listing, Session
from domain.errors import Forbidden
from domain.identity.keys.models import ApiKey
from domain.identity.keys.tenants import Tenants
from domain.scope import ActorKind, Role, Scope


def governs(scope: Scope, role: Role | None) -> bool:
    """Say whether a caller of this role has the keys of an organization to make, see and end.

    Its OWNER has, and administrators; a key has not, whatever its scopes and its rank, because no scope speaks of keys.
    """
    return scope.administrator or (scope.key is None and role is Role.OWNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReading:
    """Every read of keys that one caller may make. None of them tells a secret: nobody has it any more."""

    scope: Scope
    tenants: Tenants

    async def by_id(self, session: Session, ids: Sequence[str]) -> dict[str, ApiKey]:
        """Find many keys at once; those that the caller may not see are left out. A key sees itself."""
        query = select(ApiKey).where(ApiKey.id.in_(ids))
        if not self.scope.administrator:
            query = query.where(
                ApiKey.id == self.scope.actor.id
                if self.scope.actor.kind is ActorKind.API_KEY
                else ApiKey.organization_id.in_(self.tenants.owned_by(self.scope.user_id))
            )
        return {row.id: row for row in (await session.execute(query)).scalars()}

    def of(self, organization_id: str, *, role: Role | None) -> Listing[ApiKey]:
        """List an organization's keys, newest first, revoked and expired ones too. `role` is the caller's in it.

        Raises:
            Forbidden: the caller is not its OWNER.
        """
        if not governs(self.scope, role):
            raise Forbidden
        return _newest_first(select(ApiKey).where(ApiKey.organization_id == organization_id))

    def everything(self) -> Listing[ApiKey]:
        """List all keys of the host and of every organization, newest first.

        Raises:
            Forbidden: the caller is no administrator.
        """
        self.scope.require_administrator()
        return _newest_first(select(ApiKey))


def _newest_first(query: Select[ApiKey]) -> Listing[ApiKey]:
    return Listing(entity=ApiKey, queries=[query], by=ApiKey.created_at, id=ApiKey.id, descending=True)

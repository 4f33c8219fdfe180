"""Scopes as API keys make them, without a key."""

from domain.ids import OrganizationId, UserId
from domain.scope import Actor, ActorKind, ApiScope, KeyRights, Scope

EVERY = frozenset(ApiScope) - {ApiScope.ADMIN}
"""All that a key may be allowed without being an administrator's."""


def key(
    on_behalf_of: str | None = None,
    *,
    only: ApiScope | None = None,
    but: ApiScope | None = None,
    organization: str = "",
) -> Scope:
    """Make the scope of a host key, or of an organization's, with every scope but ADMIN, with one, or without one."""
    scopes = EVERY - {but} if only is None else frozenset({only})
    return Scope(
        actor=Actor(kind=ActorKind.API_KEY, id=f"key_{'1' * 32}"),
        key=KeyRights(scopes=scopes, organization_id=OrganizationId(organization) if organization else None),
        on_behalf_of=None if on_behalf_of is None else UserId(on_behalf_of),
    )

"""What a new key may be: pure checks of its label, its scopes and its end."""

from collections.abc import Collection
from datetime import datetime

from domain.errors import InvalidInput
from domain.scope import ApiScope

LONGEST_LABEL = 64
HOSTS_ALONE = frozenset({ApiScope.ADMIN, ApiScope.USERS_WRITE, ApiScope.WEBHOOKS_MANAGE})
"""Scopes that reach beyond any one organization, and so are for host keys."""


def checked_label(label: str) -> str:
    """Give a label without surrounding space.

    Raises:
        InvalidInput: it is not 1 to 64 printable characters.
    """
    label = label.strip()
    if not 1 <= len(label) <= LONGEST_LABEL or not label.isprintable():
        raise InvalidInput(f"A label has 1 to {LONGEST_LABEL} printable characters.", path=["input", "label"])
    return label


def checked_scopes(scopes: Collection[ApiScope], *, for_host: bool) -> frozenset[ApiScope]:
    """Give the scopes, each once.

    Raises:
        InvalidInput: there is none, or one of them is for host keys and this is none.
    """
    if not scopes:
        raise InvalidInput("A key has at least one scope.", path=["input", "scopes"])
    if not for_host and not HOSTS_ALONE.isdisjoint(scopes):
        raise InvalidInput("This scope is for host keys alone.", path=["input", "scopes"])
    return frozenset(scopes)


def checked_end(expires_at: datetime | None, *, now: datetime) -> datetime | None:
    """Give the end back.

    Raises:
        InvalidInput: it is not in the future.
    """
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("This is not in the future.", path=["input", "expiresAt"])
    return expires_at

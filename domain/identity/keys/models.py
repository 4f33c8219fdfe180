"""The table of API keys. What is in it opens nothing: of a secret it holds a digest alone."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Dialect, ForeignKey, Index, String, TypeDecorator
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Key, UtcDateTime, closed
from domain.ids import ApiKeyId, OrganizationId
from domain.scope import ActorKind, ApiScope

LONGEST_SCOPES = 255


def in_order(scopes: Collection[ApiScope]) -> list[ApiScope]:
    """List scopes each once, in the order in which they are declared."""
    return [scope for scope in ApiScope if scope in scopes]


class Scopes(TypeDecorator[frozenset[ApiScope]]):
    """Scopes as one text with spaces between, as tokens name theirs. A word that this house does not know is none."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: frozenset[ApiScope] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the type's signature
        """Write them in the order of their declaration."""
        return None if value is None else " ".join(in_order(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[ApiScope] | None:  # noqa: ARG002 - the type's signature
        """Read what is known of them; a key never opens more than this."""
        return None if value is None else frozenset(scope for scope in ApiScope if scope in value.split())


class KeyState(StrEnum):
    """How a key stands. One that is living opens something as long as its organization lives."""

    LIVING = "living"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(Base):
    """A program's credential: the host's, or one organization's. `digest` is of its secret, which nobody keeps.

    From `expires_at` on, and from `revoked_at` on, it opens nothing. `last_used_at` is true to the minute.
    """

    __tablename__ = "api_keys"

    id: Mapped[ApiKeyId] = mapped_column(Key, primary_key=True)
    label: Mapped[str] = mapped_column(Key)
    scopes: Mapped[frozenset[ApiScope]] = mapped_column(Scopes(LONGEST_SCOPES))
    organization_id: Mapped[OrganizationId | None] = mapped_column(Key, ForeignKey("organizations.id"))
    digest: Mapped[str] = mapped_column(Key, unique=True)
    created_by_kind: Mapped[ActorKind] = mapped_column(closed(ActorKind, name="created_by_kind"))
    created_by_id: Mapped[str] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "organization_id", "created_at", "id"),)

    @property
    def scopes_in_order(self) -> list[ApiScope]:
        """List the scopes in the order in which they are declared."""
        return in_order(self.scopes)

    def state_at(self, now: datetime) -> KeyState:
        """Say how it stands at an instant."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        expired = self.expires_at is not None and self.expires_at <= now
        return KeyState.EXPIRED if expired else KeyState.LIVING

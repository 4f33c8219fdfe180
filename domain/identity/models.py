"""The tables of users, of their going, and of proofs that have been used up."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, JsonDocument, Key, UtcDateTime, closed
from domain.ids import UserId
from domain.scope import ActorKind


class User(Base):
    """A person, known by issuer and subject. `email` is verified, lower case, and unique among users.

    From `deleting_at` on their credentials prove nothing, and nobody may add, invite or promote them.
    `credentials_after` is when an earlier user of the same name was deleted: credentials up to then were that user's.
    """

    __tablename__ = "users"

    id: Mapped[UserId] = mapped_column(Key, primary_key=True)
    issuer: Mapped[str] = mapped_column(Key)
    subject: Mapped[str] = mapped_column(Key)
    email: Mapped[str | None] = mapped_column(Key, unique=True)
    name: Mapped[str | None] = mapped_column(Key)
    claims_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    credentials_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleting_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    @property
    def label(self) -> str | None:
        """What the audit ledger calls the user at this moment, until it is erased: the name, else the address."""
        return self.name or self.email


class Tombstone(Base):
    """What stays of a deleted user: a digest of issuer and subject, so that older tokens open nothing."""

    __tablename__ = "user_tombstones"

    digest: Mapped[str] = mapped_column(Key, primary_key=True)
    deleted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeletionStage(StrEnum):
    """How far a deletion is: checked and marked; performed outside; then gone, or back."""

    CHECKED = "checked"
    PERFORMED = "performed"
    ABORTED = "aborted"
    DONE = "done"


class Deletion(Base):
    """One user's going. `operation_id` makes the deeds outside repeatable; `irrevocable` means only forward.

    `person` is what the deeds outside need to know of the user; it is emptied when they are done. `due_at` is when the
    worker takes over; null once nothing is left to do. `attempts` grows with each lease, so that whoever has lost one
    is told from whoever holds it. `idempotency_key` is the actor's, freed or answered when the deletion ends.
    `on_behalf_of` is the user for whom a host key asked.
    """

    __tablename__ = "user_deletions"

    user_id: Mapped[UserId] = mapped_column(Key, primary_key=True)
    operation_id: Mapped[str] = mapped_column(Key, unique=True)
    stage: Mapped[DeletionStage] = mapped_column(closed(DeletionStage, name="stage"))
    irrevocable: Mapped[bool] = mapped_column(default=False)
    person: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    actor_kind: Mapped[ActorKind] = mapped_column(closed(ActorKind, name="actor_kind"))
    actor_id: Mapped[str] = mapped_column(Key)
    on_behalf_of: Mapped[UserId | None] = mapped_column(Key)
    request_id: Mapped[str | None] = mapped_column(Key)
    idempotency_key: Mapped[str | None] = mapped_column(Key)
    attempts: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "due_at"),)


class UsedProof(Base):
    """A step-up proof that has been accepted once and is worth nothing more."""

    __tablename__ = "used_proofs"

    user_id: Mapped[UserId] = mapped_column(Key, primary_key=True)
    proof: Mapped[str] = mapped_column(Key, primary_key=True)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "used_at"),)

"""The tables of the ledger: events and their seals, which are only appended, and labels, which can be erased."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, JsonDocument, Key, UtcDateTime, closed
from domain.ids import AuditEventId, OrganizationId


class AuditEvent(Base):
    """One command: who did what to which subject, and the subject before and after. Holds ids, never names.

    `actor_label` and `subject_label` are salted digests of the labels. An effective actor that is null is the actor.
    """

    __tablename__ = "audit_events"

    id: Mapped[AuditEventId] = mapped_column(Key, primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str] = mapped_column(Key)
    actor_kind: Mapped[str] = mapped_column(Key)
    actor_id: Mapped[str] = mapped_column(Key)
    effective_actor_kind: Mapped[str | None] = mapped_column(Key)
    effective_actor_id: Mapped[str | None] = mapped_column(Key)
    organization_id: Mapped[OrganizationId | None] = mapped_column(Key)
    subject_id: Mapped[str] = mapped_column(Key)
    request_id: Mapped[str | None] = mapped_column(Key)
    idempotency_key: Mapped[str | None] = mapped_column(Key)
    actor_label: Mapped[str | None] = mapped_column(Key)
    subject_label: Mapped[str | None] = mapped_column(Key)
    before: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    after: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)

    __table_args__ = (
        Index(None, "organization_id", "occurred_at", "id"),
        Index(None, "subject_id", "occurred_at"),
        Index(None, "occurred_at", "id"),
        Index(None, "actor_id", "occurred_at", "id"),
        Index(None, "effective_actor_id", "occurred_at", "id"),
        Index(None, "action", "occurred_at", "id"),
    )


class AuditSeal(Base):
    """One link of the chain over the events, in the order of `sequence`: 1, 2, 3 without a gap."""

    __tablename__ = "audit_seals"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    audit_event_id: Mapped[AuditEventId] = mapped_column(Key, unique=True)
    seal: Mapped[str] = mapped_column(Key)
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UnsealedEvent(Base):
    """An event that the sealer has not reached yet; written with the event and deleted with its sealing."""

    __tablename__ = "audit_unsealed"

    audit_event_id: Mapped[AuditEventId] = mapped_column(Key, primary_key=True)


class LabelPart(StrEnum):
    """Whom a label names."""

    ACTOR = "actor"
    SUBJECT = "subject"


class AuditLabel(Base):
    """A name or address at the time of an event, apart from it, so that a person can be erased."""

    __tablename__ = "audit_labels"

    audit_event_id: Mapped[AuditEventId] = mapped_column(Key, primary_key=True)
    part: Mapped[LabelPart] = mapped_column(closed(LabelPart, name="part"), primary_key=True)
    person_id: Mapped[str] = mapped_column(Key)
    label: Mapped[str] = mapped_column(Text)
    salt: Mapped[str] = mapped_column(Key)

    __table_args__ = (Index(None, "person_id"),)


class ForwarderPlace(Base):
    """How far along the seals a forwarder is, and when it is tried again."""

    __tablename__ = "audit_forwarders"

    name: Mapped[str] = mapped_column(Key, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)

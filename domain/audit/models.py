"""The tables of the ledger: events and their seals, which are only appended, and labels, which can be erased."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, JsonDocument, Key, UtcDateTime, closed
from domain.ids import AuditEventId, OrganizationId

_ACTS_FOR_ANOTHER = text("effective_actor_id IS NOT NULL")
ACTS_FOR_ANOTHER: Any = {"sqlite_where": _ACTS_FOR_ANOTHER, "postgresql_where": _ACTS_FOR_ANOTHER}


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
        Index(None, "occurred_at", "id"),
        Index(None, "subject_id", "occurred_at", "id"),
        Index(None, "actor_id", "occurred_at", "id"),
        Index(None, "action", "occurred_at", "id"),
        Index("ix_audit_events_organization_subject", "organization_id", "subject_id", "occurred_at", "id"),
        Index("ix_audit_events_organization_actor", "organization_id", "actor_id", "occurred_at", "id"),
        Index("ix_audit_events_organization_action", "organization_id", "action", "occurred_at", "id"),
        # Almost no event has one, so these two cost almost nothing.
        Index("ix_audit_events_effective_actor", "effective_actor_id", "occurred_at", "id", **ACTS_FOR_ANOTHER),
        Index(
            "ix_audit_events_organization_effective_actor",
            "organization_id",
            "effective_actor_id",
            "occurred_at",
            "id",
            **ACTS_FOR_ANOTHER,
        ),
    )


class AuditSeal(Base):
    """One link of the chain over the events, in the order of `sequence`: 1, 2, 3 without a gap.

    Everything in it is proven by the seal itself, so it holds nothing else.
    """

    __tablename__ = "audit_seals"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    audit_event_id: Mapped[AuditEventId] = mapped_column(Key, unique=True)
    seal: Mapped[str] = mapped_column(Key)


class UnsealedEvent(Base):
    """An event that the sealer has not reached yet; written with the event and deleted with its sealing.

    In the order in which they will be sealed.
    """

    __tablename__ = "audit_unsealed"

    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    audit_event_id: Mapped[AuditEventId] = mapped_column(Key, primary_key=True)


class LabelPart(StrEnum):
    """Whom a label names."""

    ACTOR = "actor"
    SUBJECT = "subject"


class AuditLabel(Base):
    """A name or address at the time of an event, apart from it, so that a person can be erased.

    `person_id` is whose it is: a user's id, or the address of somebody who is no user yet.
    """

    __tablename__ = "audit_labels"

    audit_event_id: Mapped[AuditEventId] = mapped_column(Key, primary_key=True)
    part: Mapped[LabelPart] = mapped_column(closed(LabelPart, name="part"), primary_key=True)
    person_id: Mapped[str] = mapped_column(Key)
    label: Mapped[str] = mapped_column(Text)
    salt: Mapped[str] = mapped_column(Key)

    __table_args__ = (Index(None, "person_id"),)


class ForwarderPlace(Base):
    """How far along the seals a forwarder is, and when it may be run again.

    `attempts` are those at the event after `sequence`. While a process runs the forwarder, `due_at` is when its lease
    ends.
    """

    __tablename__ = "audit_forwarders"

    name: Mapped[str] = mapped_column(Key, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)

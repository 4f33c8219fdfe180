"""Audit rows. Only appended: triggers in the database refuse to update or delete them on both engines."""

import hashlib
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import delete

from domain import ids
from domain.audit.models import AuditEvent, AuditLabel, LabelPart, UnsealedEvent
from domain.db import Session
from domain.ids import AuditEventId, OrganizationId, Prefix
from domain.scope import Scope

SALT_BYTES = 16


async def record(
    session: Session,
    action: str,
    *,
    scope: Scope,
    at: datetime,
    subject_id: str,
    organization_id: OrganizationId | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    subject_label: str | None = None,
    subject_person: str | None = None,
) -> None:
    """Write the row of one command beside the command's own writes; either both stay or neither does.

    `subject_label` is the name or e-mail address of the person whom the subject is or stands for, and `subject_person`
    whose it is: a user's id, or the address itself where there is no user yet; the subject's id when not given. Names
    and addresses belong nowhere else, because labels are all that can be erased.

    It is sent with the next statement or the commit, whichever comes first.
    """
    event_id = AuditEventId(ids.new(Prefix.AUDIT_EVENT, at=at))
    actor = _label(event_id, LabelPart.ACTOR, scope.label, person_id=scope.actor.id)
    subject = _label(event_id, LabelPart.SUBJECT, subject_label, person_id=subject_person or subject_id)
    session.add_all([label for label in (actor, subject) if label is not None])
    session.add(UnsealedEvent(occurred_at=at, audit_event_id=event_id))
    session.add(
        AuditEvent(
            id=event_id,
            occurred_at=at,
            action=action,
            actor_kind=scope.actor.kind,
            actor_id=scope.actor.id,
            effective_actor_kind=None if scope.on_behalf_of is None else scope.effective_actor.kind,
            effective_actor_id=scope.on_behalf_of,
            organization_id=organization_id,
            subject_id=subject_id,
            request_id=scope.request_id,
            idempotency_key=session.idempotency_key,
            actor_label=None if actor is None else digest_of(actor.label, salt=actor.salt),
            subject_label=None if subject is None else digest_of(subject.label, salt=subject.salt),
            before=before,
            after=after,
        )
    )


def digest_of(label: str, *, salt: str) -> str:
    """Give what the row holds in the place of a label: SHA-256 over the salt and the label."""
    return hashlib.sha256(salt.encode() + label.encode()).hexdigest()


async def erase(session: Session, *, person_id: str) -> None:
    """Delete every label of a person: a user by id, or whoever was only known by an address, by that address.

    The rows stay as they are, with digests that lead nowhere, and every seal stays right.
    """
    await session.execute(delete(AuditLabel).where(AuditLabel.person_id == person_id))


def _label(event_id: AuditEventId, part: LabelPart, label: str | None, *, person_id: str) -> AuditLabel | None:
    if not label:
        return None
    salt = secrets.token_hex(SALT_BYTES)
    return AuditLabel(audit_event_id=event_id, part=part, person_id=person_id, label=label, salt=salt)

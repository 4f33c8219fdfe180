"""The audit ledger as the outside sees it: who did what to which subject, newest first."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

from domain import audit
from domain.audit import LabelPart
from domain.scope import Actor as DomainActor
from domain.scope import ActorKind
from graphql_api import loaders
from graphql_api.connections import Connection
from graphql_api.described import described, described_input
from graphql_api.identity import Actor, actor_of
from graphql_api.node import Node
from graphql_api.organizations import ContextInfo
from graphql_api.scalars import JSON

if TYPE_CHECKING:
    from graphql_api.organizations import Organization

AnOrganization = Annotated["Organization", strawberry.lazy("graphql_api.organizations")]


@described
class AuditEvent(Node):
    """One command, written in its transaction."""

    id: strawberry.ID
    row: strawberry.Private[audit.AuditEvent]
    occurred_at: datetime
    action: str = strawberry.field(description="membership.added, …")
    actor_id: str
    effective_actor_id: str
    subject_id: strawberry.ID
    request_id: str | None
    idempotency_key: str | None
    before: JSON | None
    after: JSON | None

    @classmethod
    def of(cls, row: audit.AuditEvent | None) -> Optional["AuditEvent"]:
        """Dress a row, or none."""
        return None if row is None else cls.dress(row)

    @classmethod
    def dress(cls, row: audit.AuditEvent) -> "AuditEvent":
        """Dress a row."""
        return cls(
            id=strawberry.ID(row.id),
            row=row,
            occurred_at=row.occurred_at,
            action=row.action,
            actor_id=row.actor_id,
            effective_actor_id=row.effective_actor_id or row.actor_id,
            subject_id=strawberry.ID(row.subject_id),
            request_id=row.request_id,
            idempotency_key=row.idempotency_key,
            before=None if row.before is None else JSON(row.before),
            after=None if row.after is None else JSON(row.after),
        )

    @strawberry.field
    async def actor(self) -> Actor | None:
        """Who did it; null once that account is gone, while actorId stays."""
        return await actor_of(DomainActor(kind=ActorKind(self.row.actor_kind), id=self.row.actor_id))

    @strawberry.field
    async def actor_label(self) -> str | None:
        """Name or e-mail at the time; null once erased."""
        return await _label(self.row.id, LabelPart.ACTOR)

    @strawberry.field
    async def effective_actor(self) -> Actor | None:
        """For whom it was done: the actor where nobody acted for somebody else."""
        kind = self.row.effective_actor_kind or self.row.actor_kind
        return await actor_of(DomainActor(kind=ActorKind(kind), id=self.effective_actor_id))

    @strawberry.field
    async def organization(self) -> AnOrganization | None:
        """Where; null when it concerns no organization, or one that is gone."""
        from graphql_api.organizations import Organization

        id = self.row.organization_id
        return None if id is None else Organization.of(await loaders.current().organizations.load(id))

    @strawberry.field
    async def subject(self) -> Node | None:
        """What it was done to; null once that is gone, while subjectId stays."""
        from graphql_api.nodes import find_node

        return await find_node(self.subject_id)

    @strawberry.field
    async def subject_label(self) -> str | None:
        """The same of the subject; null once erased."""
        return await _label(self.row.id, LabelPart.SUBJECT)

    @strawberry.field
    async def sealed(self) -> bool:
        """Whether the chain holds it; false: still in the tail that the sealer has not reached."""
        return bool(await loaders.current().sealed.load(self.row.id))


@described_input
class AuditEventFilter:
    """Narrows auditEvents; everything given must hold. actorId matches the effective actor too."""

    actions: list[str] | None = None
    actor_id: strawberry.ID | None = None
    subject_id: strawberry.ID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_audit_events(
    info: ContextInfo,
    organization_id: strawberry.ID | None = None,
    filter: AuditEventFilter | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Connection[AuditEvent] | None:
    """Newest first: of one organization for its OWNER and audit:read, of all for administrators and host keys."""
    return await event_connection(info, organization_id, filter, first, after, last, before)


async def event_connection(
    info: ContextInfo,
    organization_id: str | None,
    filter: AuditEventFilter | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[AuditEvent] | None:
    """Read one page of an organization's events, or of all of them, as a connection."""
    cursors = info.context.cursors(f"audit events of {organization_id or 'all'}")
    page = cursors.page(first, after, last, before)
    given = filter or AuditEventFilter()
    narrowed = audit.EventFilter(
        actions=None if given.actions is None else tuple(given.actions),
        actor_id=given.actor_id,
        subject_id=given.subject_id,
        since=given.since,
        until=given.until,
    )
    role = None if organization_id is None else await loaders.current().roles.load(organization_id)
    listing = info.context.services.timelines(info.context.caller).events(organization_id, role=role, narrowed=narrowed)
    if listing is None:
        return None
    found = await loaders.current().lists.page(listing, page)
    return cursors.connection(found, node=AuditEvent.dress, place=lambda row: (row.occurred_at, row.id))


async def _label(id: str, part: LabelPart) -> str | None:
    return (await loaders.current().audit_labels.load(id) or {}).get(part)

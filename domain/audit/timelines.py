"""Reading the ledger: newest first, page by page, at a cost that does not grow with it. Narrowed by exact values only.

An organization's timeline is its owners'; everything else is for administrators.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from domain.audit.models import AuditEvent, AuditLabel, AuditSeal, LabelPart
from domain.db import Listing, Session
from domain.errors import Forbidden, InvalidInput
from domain.scope import Role, Scope

MOST_ACTIONS = 20

RolesOf = Callable[[Session, Sequence[str]], Awaitable[dict[str, Role]]]
"""Tells the caller's role in each of these organizations; those without one are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What an event must be; everything given must hold.

    `actions` are whole names, one of which it has; `actor_id` is the actor or the effective actor; `since` and `until`
    are UTC instants, both inclusive.
    """

    actions: tuple[str, ...] | None = None
    actor_id: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timelines:
    """Every read of the ledger that one caller may make."""

    scope: Scope
    roles_of: RolesOf

    def events(
        self, organization_id: str | None, *, role: Role | None, narrowed: EventFilter
    ) -> Listing[AuditEvent] | None:
        """List an organization's events, or all events, newest first; None for an organization not the caller's.

        `role` is the caller's in the organization.

        Raises:
            Forbidden: the caller is in the organization but not its OWNER, or wants all events and is no administrator.
            InvalidInput: over 20 actions are asked for.
        """
        if not self.scope.administrator:
            if organization_id is None:
                raise Forbidden
            if role is None:
                return None
            if role is not Role.OWNER:
                raise Forbidden
        if len(narrowed.actions or ()) > MOST_ACTIONS:
            raise InvalidInput(f"Ask for at most {MOST_ACTIONS} actions.")
        queries = [select(AuditEvent).where(*parts) for parts in _disjoint(organization_id, narrowed)]
        return Listing(entity=AuditEvent, queries=queries, by=AuditEvent.occurred_at, id=AuditEvent.id, descending=True)

    async def by_id(self, session: Session, ids: Sequence[str]) -> dict[str, AuditEvent]:
        """Find many events at once; those that the caller may not read are left out."""
        query = select(AuditEvent).where(AuditEvent.id.in_(ids))
        found: dict[str, AuditEvent] = {event.id: event for event in (await session.execute(query)).scalars()}
        if self.scope.administrator:
            return found
        tenants = {event.organization_id for event in found.values() if event.organization_id is not None}
        roles = await self.roles_of(session, sorted(tenants)) if tenants else {}
        return {id: event for id, event in found.items() if roles.get(event.organization_id or "") is Role.OWNER}


async def sealed(session: Session, ids: Sequence[str]) -> dict[str, bool]:
    """Tell which of these events the sealer has reached; the others are left out."""
    query = select(AuditSeal.audit_event_id).where(AuditSeal.audit_event_id.in_(ids))
    return dict.fromkeys((await session.execute(query)).scalars(), True)


async def labels(session: Session, ids: Sequence[str]) -> dict[str, dict[LabelPart, str]]:
    """Read the labels of these events that have not been erased."""
    query = select(AuditLabel.audit_event_id, AuditLabel.part, AuditLabel.label)
    found: dict[str, dict[LabelPart, str]] = {}
    for id, part, label in await session.execute(query.where(AuditLabel.audit_event_id.in_(ids))):
        found.setdefault(id, {})[part] = label
    return found


def _disjoint(organization_id: str | None, narrowed: EventFilter) -> Iterator[list[ColumnElement[bool]]]:
    """Split the question into ones that an index answers in the order of the timeline; no event is in two of them."""
    common: list[ColumnElement[bool]] = []
    if organization_id is not None:
        common.append(AuditEvent.organization_id == organization_id)
    if narrowed.subject_id is not None:
        common.append(AuditEvent.subject_id == narrowed.subject_id)
    if narrowed.since is not None:
        common.append(AuditEvent.occurred_at >= narrowed.since)
    if narrowed.until is not None:
        common.append(AuditEvent.occurred_at <= narrowed.until)
    for action in (None,) if narrowed.actions is None else dict.fromkeys(narrowed.actions):
        named = [] if action is None else [AuditEvent.action == action]
        for acting in _acting(narrowed.actor_id):
            yield [*common, *named, *acting]


def _acting(actor_id: str | None) -> list[list[ColumnElement[bool]]]:
    if actor_id is None:
        return [[]]
    own = AuditEvent.actor_id == actor_id
    return [[own], [AuditEvent.effective_actor_id == actor_id, AuditEvent.actor_id != actor_id]]

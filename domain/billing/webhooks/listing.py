"""Reading the inbox, for operators: newest first, page by page. Who may is asked elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from domain.billing.states import ProcessorName
from domain.billing.subscriptions import SubscriptionFact
from domain.billing.webhooks.models import WebhookEvent, WebhookStatus
from domain.db import Listing, Page, Session, Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What an event must be; everything given must hold.

    `statuses` and `types` are alternatives, whole names; `since` and `until` are instants of the processor's clock,
    UTC, both inclusive.
    """

    processor: ProcessorName | None = None
    statuses: tuple[WebhookStatus, ...] | None = None
    types: tuple[str, ...] | None = None
    customer_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, query: Select[Any]) -> Select[Any]:
        """Let a selection of events hold only these."""
        return query.where(*self._parts())

    def _parts(self) -> list[ColumnElement[bool]]:
        parts: list[ColumnElement[bool]] = []
        if self.processor is not None:
            parts.append(WebhookEvent.processor == self.processor)
        if self.statuses is not None:
            parts.append(WebhookEvent.status.in_(self.statuses))
        if self.types is not None:
            parts.append(WebhookEvent.type.in_(self.types))
        if self.customer_id is not None:
            parts.append(WebhookEvent.customer_id == self.customer_id)
        if self.since is not None:
            parts.append(WebhookEvent.occurred_at >= self.since)
        if self.until is not None:
            parts.append(WebhookEvent.occurred_at <= self.until)
        return parts


WAITING = (WebhookStatus.RECEIVED, WebhookStatus.FAILED, WebhookStatus.DEAD)
DUE = "due"


async def count_waiting(session: Session, *, now: datetime) -> dict[str, int]:
    """Count the events that are not done with, by state; those that have failed and are tried again by `now` as DUE."""
    due = (WebhookEvent.status == WebhookStatus.FAILED) & (WebhookEvent.next_attempt_at <= now)
    query = select(WebhookEvent.status, func.count(), func.count().filter(due))
    query = query.where(WebhookEvent.status.in_(WAITING)).group_by(WebhookEvent.status)
    counted: dict[str, int] = {status.value: 0 for status in WAITING} | {DUE: 0}
    for status, number, tried_now in (await session.execute(query)).all():
        counted[status.value] = number - tried_now
        counted[DUE] += tried_now
    return counted


def inbox_events(narrowed: EventFilter) -> Listing[WebhookEvent]:
    """List the inbox, by when the events came, newest first."""
    return Listing(
        entity=WebhookEvent,
        queries=[narrowed.narrow(select(WebhookEvent))],
        by=WebhookEvent.received_at,
        id=WebhookEvent.id,
        descending=True,
    )


async def count_events(session: Session, narrowed: EventFilter) -> int:
    """Count the events that a filter lets through."""
    counted = await session.execute(narrowed.narrow(select(func.count()).select_from(WebhookEvent)))
    return int(counted.scalar_one())


async def events_by_id(session: Session, ids: Sequence[str]) -> dict[str, WebhookEvent]:
    """Find events by our ids; those that are not there are left out."""
    rows = (await session.execute(select(WebhookEvent).where(WebhookEvent.id.in_(ids)))).scalars()
    return {row.id: row for row in rows}


def fact_place(fact: SubscriptionFact) -> tuple[datetime, str]:
    """Say where a fact stands in the order of the fold."""
    return fact.occurred_at, f"{fact.rank}:{fact.event_id}"


async def facts_of(session: Session, subscription_ids: Sequence[str]) -> dict[str, list[SubscriptionFact]]:
    """Read all facts of these subscriptions in the order of the fold.

    They are as few as what the processor has said of one subscription, and every event reads them all anyway.
    """
    query = select(SubscriptionFact).where(SubscriptionFact.subscription_id.in_(subscription_ids))
    found: dict[str, list[SubscriptionFact]] = {}
    for fact in sorted((await session.execute(query)).scalars(), key=_in_bytes):
        found.setdefault(fact.subscription_id, []).append(fact)
    return found


def page_of_facts(facts: Sequence[SubscriptionFact], page: Page) -> Slice[SubscriptionFact]:
    """Take one page of a subscription's facts, which are in the order of the fold."""
    after, before = page.after and _bytes(page.after), page.before and _bytes(page.before)
    inside = [
        fact
        for fact in facts
        if (after is None or _in_bytes(fact) > after) and (before is None or _in_bytes(fact) < before)
    ]
    rows = inside[-page.size :] if page.backward else inside[: page.size]
    return Slice(
        rows=rows,
        has_next=bool(rows) and rows[-1] is not facts[-1],
        has_previous=bool(rows) and rows[0] is not facts[0],
    )


async def newest_facts(session: Session, subscription_ids: Sequence[str]) -> dict[str, SubscriptionFact]:
    """Find the last fact of each subscription in the order of the fold."""
    order = (SubscriptionFact.occurred_at.desc(), SubscriptionFact.rank.desc(), SubscriptionFact.event_id.desc())
    place = func.row_number().over(partition_by=SubscriptionFact.subscription_id, order_by=order).label("place")
    placed = select(SubscriptionFact.sequence, place).where(SubscriptionFact.subscription_id.in_(subscription_ids))
    newest = placed.subquery()
    query = select(SubscriptionFact).join(newest, newest.c.sequence == SubscriptionFact.sequence)
    rows = (await session.execute(query.where(newest.c.place == 1))).scalars()
    return {row.subscription_id: row for row in rows}


async def events_of_facts(
    session: Session, named: Sequence[tuple[ProcessorName, bool, str]]
) -> dict[tuple[ProcessorName, bool, str], WebhookEvent]:
    """Find the events that facts came from, by processor, mode and the processor's id; pruned ones are left out."""
    query = select(WebhookEvent).where(WebhookEvent.event_id.in_([event_id for _, _, event_id in named]))
    found = {(row.processor, row.livemode, row.event_id): row for row in (await session.execute(query)).scalars()}
    return {name: found[name] for name in named if name in found}


def _in_bytes(fact: SubscriptionFact) -> tuple[datetime, bytes]:
    return _bytes(fact_place(fact))


def _bytes(place: tuple[datetime, str]) -> tuple[datetime, bytes]:
    return place[0], place[1].encode()

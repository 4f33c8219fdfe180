"""Intents: what we are about to ask of a processor, written down before we ask.

An intent stays open while nobody knows what the processor has done; it is then sent again with the same key, so that a
crash anywhere neither loses a deed nor does it twice.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing.states import ProcessorName
from domain.db import Base, JsonDocument, Key, Session, UtcDateTime, closed
from domain.idempotency import Answer, Claim
from domain.ids import CustomerId, SubscriptionId, UserId
from domain.scope import Actor, ActorKind, Scope

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 20
KEYS_LIVE = timedelta(hours=23)
"""How long a request may be sent again: Stripe forgets a key after a day, and would do the deed a second time."""
GIVEN_UP, NOT_THERE = "given up", "not there"
"""How intents fail that nobody has heard of: looked at once when given up, and a purchase once more before the next."""


class Operation(StrEnum):
    """What an intent asks of the processor."""

    SUBSCRIBE = "subscribe"
    SWAP_PLAN = "swap_plan"
    UPDATE_QUANTITY = "update_quantity"
    CANCEL = "cancel"
    RESUME = "resume"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    CREATE_CHECKOUT = "create_checkout"
    CREATE_PORTAL = "create_portal"
    RECONCILE = "reconcile"
    FOLLOW_SEATS = "follow_seats"
    END_DUNNING = "end_dunning"


PURCHASES = frozenset({Operation.SUBSCRIBE, Operation.CREATE_CHECKOUT})
"""The operations that can lead to a new subscription."""


class Intent(Base):
    """One command on its way to a processor. Open while `settled_at` is null; `key` makes repetition harmless.

    `leased_until` is of the worker's own errands: by then whoever opened it is taken to be gone.
    `opened_at` is our clock and `processor_time` the processor's: a repeated request gets the answer to the first one,
    so the answer is dated by when that was sent. The idempotency key is the caller's, claimed for its operation.
    `on_behalf_of` is the user for whom a host key asked.
    """

    __tablename__ = "billing_intents"

    key: Mapped[str] = mapped_column(Key, primary_key=True)
    operation: Mapped[Operation] = mapped_column(closed(Operation, name="operation"))
    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"))
    subscription_id: Mapped[SubscriptionId | None] = mapped_column(Key, ForeignKey("billing_subscriptions.id"))
    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"))
    request: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    actor_kind: Mapped[ActorKind] = mapped_column(closed(ActorKind, name="actor_kind"))
    actor_id: Mapped[str] = mapped_column(Key)
    on_behalf_of: Mapped[UserId | None] = mapped_column(Key)
    request_id: Mapped[str | None] = mapped_column(Key)
    idempotency_operation: Mapped[str | None] = mapped_column(Key)
    idempotency_key: Mapped[str | None] = mapped_column(Key)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    processor_time: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=1)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failure: Mapped[str | None] = mapped_column(Key)

    __table_args__ = (Index(None, "customer_id", "settled_at"), Index(None, "due_at"), Index(None, "leased_until"))

    @property
    def scope(self) -> Scope:
        """Who asked, for the audit row of the outcome."""
        actor = Actor(kind=self.actor_kind, id=self.actor_id)
        return Scope(actor=actor, request_id=self.request_id, on_behalf_of=self.on_behalf_of)

    @property
    def claim(self) -> Claim | None:
        """The caller's idempotency key, to be finished or freed with the intent; None without one."""
        if self.idempotency_operation is None or self.idempotency_key is None:
            return None
        return Claim(actor_id=self.actor_id, operation=self.idempotency_operation, key=self.idempotency_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a command wants: the operation, whom it is for, and the arguments of the processor's call as plain JSON.

    `processor_time` is what the processor's clock says just before.
    """

    operation: Operation
    customer_id: CustomerId
    processor: ProcessorName
    request: dict[str, Any]
    processor_time: datetime
    subscription_id: SubscriptionId | None = None


async def open_intent(
    session: Session,
    order: Order,
    *,
    key: str,
    scope: Scope,
    now: datetime,
    claim: Claim | None = None,
    own: bool = False,
) -> Intent:
    """Write the intent down; for the length of a lease only its own process carries it out.

    An intent of one's `own` is nobody else's business: whoever opens it comes back to it.
    """
    intent = Intent(
        key=key,
        operation=order.operation,
        customer_id=order.customer_id,
        subscription_id=order.subscription_id,
        processor=order.processor,
        request=order.request,
        actor_kind=scope.actor.kind,
        actor_id=scope.actor.id,
        on_behalf_of=scope.on_behalf_of,
        request_id=scope.request_id,
        idempotency_operation=claim and claim.operation,
        idempotency_key=claim and claim.key,
        opened_at=now,
        processor_time=order.processor_time,
        attempts=1,
        due_at=None if own else now + LEASE,
    )
    session.add(intent)
    await session.flush()
    return intent


async def settle(session: Session, key: str, *, now: datetime, answer: Answer) -> bool:
    """Close an intent whose outcome is known, and finish the caller's key with the answer.

    Says whether it was open; the first outcome stays.
    """
    intent = await _closed(session, key, now=now)
    if intent is not None and intent.claim is not None:
        await intent.claim.finish(session, answer)
    return intent is not None


async def give_up(session: Session, key: str, *, now: datetime, failure: str) -> None:
    """Close an intent that came to nothing, and free the caller's key; an outcome that is known stays."""
    intent = await _closed(session, key, now=now)
    if intent is None:
        return
    intent.failure = failure
    if intent.claim is not None:
        await intent.claim.forget(session)


async def _closed(session: Session, key: str, *, now: datetime) -> Intent | None:
    """Close an intent; None when it was closed before."""
    intent = await session.get_one(Intent, key, with_for_update=True)
    if intent.settled_at is not None:
        return None
    intent.settled_at, intent.due_at, intent.leased_until = now, None, None
    return intent


async def purchases_open(session: Session, customer_id: str) -> list[Intent]:
    """List this customer's purchases that are under way, the pages among them that are being made."""
    query = select(Intent).where(
        Intent.customer_id == customer_id, Intent.operation.in_(PURCHASES), Intent.settled_at.is_(None)
    )
    return list((await session.execute(query.order_by(Intent.opened_at))).scalars())


async def under_way(session: Session, subscription_id: str, *, of: Operation | None = None) -> bool:
    """Say whether anything, or one kind of thing, is being asked about a subscription whose outcome is not known yet.

    Whoever means to ask for more holds the customer while looking, as everybody does who opens an intent.
    """
    query = select(Intent.key).where(Intent.subscription_id == subscription_id, Intent.settled_at.is_(None))
    query = query if of is None else query.where(Intent.operation == of)
    return (await session.execute(query.limit(1))).first() is not None


async def intents_of(session: Session, customer_id: str, prefix: str) -> list[Intent]:
    """List this customer's intents whose keys begin alike, the oldest first."""
    query = select(Intent).where(Intent.customer_id == customer_id, Intent.key.startswith(prefix, autoescape=True))
    return list((await session.execute(query.order_by(Intent.opened_at, Intent.key))).scalars())


async def given_up_purchases(
    session: Session, customer_id: str, *, processors: Collection[ProcessorName]
) -> list[Intent]:
    """List this customer's purchases that were given up and that nobody has looked for since, the oldest first."""
    query = select(Intent).where(
        Intent.customer_id == customer_id,
        Intent.operation == Operation.SUBSCRIBE,
        Intent.failure == GIVEN_UP,
        Intent.processor.in_(processors),
    )
    return list((await session.execute(query.order_by(Intent.opened_at))).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An intent that is ours for a while. `spent`: it is not to be sent again, only looked at."""

    intent: Intent
    spent: bool


async def lease_due(
    session: Session, *, now: datetime, processors: Collection[ProcessorName], operations: Collection[Operation]
) -> Lease | None:
    """Take over one intent whose process has let it lie; after 20 attempts or 23 hours it is spent.

    Intents for other processors stay as they are, for a process that has them configured; so do other operations.
    """
    due = select(Intent).where(Intent.due_at <= now, Intent.processor.in_(processors), Intent.operation.in_(operations))
    query = due.order_by(Intent.due_at).limit(1).with_for_update(skip_locked=True)
    intent = (await session.execute(query)).scalar_one_or_none()
    if intent is None:
        return None
    spent = intent.attempts >= MAX_ATTEMPTS or intent.opened_at <= now - KEYS_LIVE
    if not spent:
        intent.attempts += 1
    intent.due_at = now + LEASE * intent.attempts
    return Lease(intent=intent, spent=spent)

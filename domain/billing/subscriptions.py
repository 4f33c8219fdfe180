"""The mirror: facts are appended, and the current row of a subscription is their fold. No calendar, no guesses."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, mapped_column

from domain import audit, ids
from domain.billing import facts, lifecycle
from domain.billing.access import Standing
from domain.billing.customers import Customer, CustomerReading, ProcessorAccount, ask_for_closing, locked_customer
from domain.billing.facts import Fact, FactSource, Folded
from domain.billing.statements import Statement
from domain.billing.states import ProcessorName, Snapshot, Status, SubscriptionState
from domain.db import Base, Counter, JsonDocument, Key, Listing, Session, UtcDateTime, closed
from domain.ids import CustomerId, Prefix, SubscriptionId
from domain.scope import Scope

_UNFOLLOWED = text("followed_version <> version")
UNFOLLOWED: Any = {"sqlite_where": _UNFOLLOWED, "postgresql_where": _UNFOLLOWED}


class ForeignSubscription(Exception):
    """The processor ascribes a subscription to another customer than the mirror does; somebody must look."""


class BillingSubscription(Base):
    """The current row of one subscription: the fold of its facts. `state` is everything the processor said.

    `closing_since` is no part of the fold: since when it ends because its owner goes; to be taken back if the owner
    comes back. Nor is `followed_version`: the version that was last compared with the seats that are held.
    """

    __tablename__ = "billing_subscriptions"

    id: Mapped[SubscriptionId] = mapped_column(Key, primary_key=True)
    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"))
    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"))
    livemode: Mapped[bool]
    processor_id: Mapped[str] = mapped_column(Key)
    status: Mapped[Status] = mapped_column(closed(Status, name="status"))
    state: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    past_due_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_fact_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fetch_owed: Mapped[bool]
    fetch_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fetch_attempts: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    followed_version: Mapped[int] = mapped_column(default=0, server_default=text("0"))

    __table_args__ = (
        UniqueConstraint("processor", "livemode", "processor_id"),
        Index(None, "customer_id", "created_at", "id"),
        Index(None, "fetch_due_at"),
        Index(None, "past_due_since"),
        Index("ix_billing_subscriptions_unfollowed", "id", **UNFOLLOWED),
    )

    @property
    def current(self) -> SubscriptionState:
        """What the processor says, as a plain value."""
        return facts.decode(self.state)

    @property
    def standing(self) -> Standing:
        """The row as access is worked out from it."""
        return Standing(
            subscription_id=self.id,
            processor=self.processor,
            state=self.current,
            past_due_since=self.past_due_since,
            last_fact_at=self.last_fact_at,
        )


class SubscriptionFact(Base):
    """One thing the processor said; appended and never changed.

    `occurred_at` is the processor's clock. `arrived_at` is ours: when an event came, and of an answer when it was asked
    for, so that an event that comes while a question is under way counts as later than the answer.
    """

    __tablename__ = "subscription_facts"

    sequence: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    subscription_id: Mapped[SubscriptionId] = mapped_column(Key, ForeignKey("billing_subscriptions.id"))
    source: Mapped[FactSource] = mapped_column(closed(FactSource, name="source"))
    type: Mapped[str | None] = mapped_column(Key)
    event_id: Mapped[str] = mapped_column(Key)
    rank: Mapped[int]
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[dict[str, Any]] = mapped_column(JsonDocument)

    __table_args__ = (UniqueConstraint("subscription_id", "event_id"),)


async def absorb(
    session: Session, statement: Statement, *, account: ProcessorAccount, scope: Scope, now: datetime
) -> BillingSubscription:
    """Append what was said and fold it in where it belongs; saying it twice changes nothing.

    Raises:
        ForeignSubscription: the mirror has the subscription under another customer.
    """
    # The customer's lock puts all that is said of its subscriptions in one line.
    customer = await locked_customer(session, account.customer_id)
    row = await find_subscription(
        session,
        processor=account.processor,
        livemode=account.livemode,
        processor_id=statement.snapshot.processor_id,
    )
    if row is None:
        row, known = _begin(session, account, statement, now), list[Fact]()
        if customer is not None and customer.closing_at is not None:
            # What was bought or made elsewhere while the owner went must end with the rest.
            await ask_for_closing(session, customer.id, now=now)
    elif row.customer_id != account.customer_id:
        raise ForeignSubscription
    else:
        known = await _facts(session, row.id)
    if all(fact.event_id != statement.event_id for fact in known):
        fact = _fact(row.id, statement, now)
        before = _summary(row) if row.version else None
        _write(row, facts.fold([*known, fact_of(fact)]), now)
        if before is None:
            # The row must be there before its fact, and nothing else tells the session which comes first.
            await session.flush()
        session.add(fact)
        await _remember(session, row, before=before, scope=scope, now=now)
        await session.flush()
    return row


def gone(row: BillingSubscription, at: datetime) -> Snapshot:
    """Give what is to be said of a subscription that its processor does not know any more: ended, since `at`.

    Whose it was, nobody tells any more: `customer_processor_id` is empty.
    """
    return Snapshot(
        processor_id=row.processor_id,
        customer_processor_id="",
        livemode=row.livemode,
        state=lifecycle.gone(row.current, at),
    )


async def find_subscription(
    session: Session, *, processor: ProcessorName, livemode: bool, processor_id: str
) -> BillingSubscription | None:
    """Find a subscription as its processor names it; None when the mirror does not know it."""
    query = select(BillingSubscription).where(
        BillingSubscription.processor == processor,
        BillingSubscription.livemode == livemode,
        BillingSubscription.processor_id == processor_id,
    )
    return (await session.execute(query)).scalar_one_or_none()


async def live_subscriptions(session: Session, customer_id: str) -> list[BillingSubscription]:
    """List the customer's subscriptions that have not ended, newest first."""
    query = select(BillingSubscription).where(BillingSubscription.customer_id == customer_id)
    order = BillingSubscription.created_at.desc(), BillingSubscription.id.desc()
    rows = (await session.execute(query.order_by(*order))).scalars()
    return [row for row in rows if not lifecycle.ended(row.current)]


async def subscriptions_by_id(
    session: Session, reading: CustomerReading, ids: Sequence[str]
) -> dict[str, BillingSubscription]:
    """Find subscriptions by id; those of customers that are not the caller's are left out."""
    own = reading.visible().with_only_columns(Customer.id)
    query = select(BillingSubscription).where(BillingSubscription.id.in_(ids), BillingSubscription.customer_id.in_(own))
    return {row.id: row for row in (await session.execute(query)).scalars()}


def subscriptions_of(customer_id: str) -> Listing[BillingSubscription]:
    """List a customer's subscriptions, newest first, ended ones included."""
    return Listing(
        entity=BillingSubscription,
        queries=[select(BillingSubscription).where(BillingSubscription.customer_id == customer_id)],
        by=BillingSubscription.created_at,
        id=BillingSubscription.id,
        descending=True,
    )


def _begin(session: Session, account: ProcessorAccount, statement: Statement, now: datetime) -> BillingSubscription:
    row = BillingSubscription(
        id=SubscriptionId(ids.new(Prefix.SUBSCRIPTION, at=now)),
        customer_id=account.customer_id,
        processor=account.processor,
        livemode=account.livemode,
        processor_id=statement.snapshot.processor_id,
        status=statement.snapshot.state.status,
        state=facts.encode(statement.snapshot.state),
        last_fact_at=statement.occurred_at,
        fetch_owed=False,
        fetch_attempts=0,
        version=0,
        created_at=now,
    )
    session.add(row)
    return row


def _fact(subscription_id: SubscriptionId, statement: Statement, now: datetime) -> SubscriptionFact:
    return SubscriptionFact(
        subscription_id=subscription_id,
        source=statement.source,
        type=statement.type,
        event_id=statement.event_id,
        rank=facts.rank_of(statement.type),
        occurred_at=statement.occurred_at,
        arrived_at=statement.asked_at or now,
        recorded_at=now,
        state=facts.encode(statement.snapshot.state),
    )


def fact_of(row: SubscriptionFact) -> Fact:
    """Read a fact as the plain value that the fold takes."""
    return Fact(
        source=row.source,
        type=row.type,
        event_id=row.event_id,
        rank=row.rank,
        occurred_at=row.occurred_at,
        sequence=facts.number(row.arrived_at),
        state=facts.decode(row.state),
    )


async def _facts(session: Session, subscription_id: str) -> list[Fact]:
    rows = (await session.execute(select(SubscriptionFact).filter_by(subscription_id=subscription_id))).scalars()
    return [fact_of(row) for row in rows]


def _write(row: BillingSubscription, folded: Folded, now: datetime) -> None:
    row.status = folded.state.status
    row.state = facts.encode(folded.state)
    row.past_due_since = folded.past_due_since
    row.last_fact_at = folded.last_fact_at
    if folded.fetch_owed != row.fetch_owed:
        row.fetch_attempts = 0
        row.fetch_due_at = now if folded.fetch_owed else None
    row.fetch_owed = folded.fetch_owed
    row.version += 1


def _summary(row: BillingSubscription) -> dict[str, Any]:
    return {"state": row.state, "fetch_owed": row.fetch_owed}


async def _remember(
    session: Session, row: BillingSubscription, *, before: dict[str, Any] | None, scope: Scope, now: datetime
) -> None:
    """Leave an audit row when what the mirror says has changed; repetition and stale news leave none."""
    after = _summary(row)
    if after == before:
        return
    customer = await session.get_one(Customer, row.customer_id)
    await audit.record(
        session,
        "subscription.changed",
        scope=scope,
        at=now,
        subject_id=row.id,
        organization_id=customer.organization_id,
        before=before,
        after=after,
    )

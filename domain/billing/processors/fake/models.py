"""The Fake's tables: what it holds true, what it has answered and told, what is to go wrong, and its clock."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing.processors.fake.faults import FaultKind
from domain.db import Base, Counter, JsonDocument, Key, UtcDateTime, closed


class Card(StrEnum):
    """What becomes of an attempt to collect from a customer."""

    GOOD = "good"  # every payment succeeds
    DECLINED = "declined"  # every payment fails
    MISSING = "missing"  # there is nothing to collect from, so every payment fails, and a trial ends without one


class FakeCustomer(Base):
    """A customer in Stripe's JSON, the card that it pays with, and how many events have told of it."""

    __tablename__ = "fake_customers"

    id: Mapped[str] = mapped_column(Key, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    card: Mapped[Card] = mapped_column(closed(Card, name="card"))
    changes: Mapped[int]


class FakePrice(Base):
    """A price in Stripe's JSON that somebody has set; every other price is made up from its id."""

    __tablename__ = "fake_prices"

    id: Mapped[str] = mapped_column(Key, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)


class FakeSubscription(Base):
    """A subscription in Stripe's JSON, how often it has changed, and when time alone will change it next.

    `owed`: the invoice that is open and tried again. `pending`: lines for the next invoice. `trial_told`: its coming
    end has been announced.
    """

    __tablename__ = "fake_subscriptions"

    id: Mapped[str] = mapped_column(Key, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Key)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    owed: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    pending: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    trial_told: Mapped[bool]
    changes: Mapped[int]
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "due_at"), Index(None, "customer_id"))


class FakeInvoice(Base):
    """An invoice in Stripe's JSON, paid or not."""

    __tablename__ = "fake_invoices"

    id: Mapped[str] = mapped_column(Key, primary_key=True)
    subscription_id: Mapped[str] = mapped_column(Key)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)

    __table_args__ = (Index(None, "subscription_id"),)


class FakeCheckout(Base):
    """A checkout session in Stripe's JSON, what is bought in it, and until when it is open."""

    __tablename__ = "fake_checkouts"

    id: Mapped[str] = mapped_column(Key, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    items: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "due_at"),)


class FakeRequest(Base):
    """A command that was carried out; its key gets the same answer again."""

    __tablename__ = "fake_requests"

    key: Mapped[str] = mapped_column(Key, primary_key=True)
    request: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    answer: Mapped[dict[str, Any]] = mapped_column(JsonDocument)


class FakeAdvance(Base):
    """One move of the Fake's clock; the sum of all of them is how far it is ahead of ours."""

    __tablename__ = "fake_advances"

    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    seconds: Mapped[int]


class FakeEvent(Base):
    """An event that the Fake has written, as its webhook carries it.

    `held_at`: by our clock, since when its webhook is held back so that a later one overtakes it.
    """

    __tablename__ = "fake_events"

    sequence: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Key, unique=True)
    type: Mapped[str] = mapped_column(Key)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    body: Mapped[bytes]
    held_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "occurred_at"), Index(None, "held_at"))


class FakeFault(Base):
    """A fault that waits for its moment, in every process that shares the database."""

    __tablename__ = "fake_faults"

    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    kind: Mapped[FaultKind] = mapped_column(closed(FaultKind, name="kind"))
    operation: Mapped[str | None] = mapped_column(Key)
    seconds: Mapped[float]

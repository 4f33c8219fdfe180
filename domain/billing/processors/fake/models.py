"""The Fake's tables: what it holds true, what it has answered, and how far its clock is ahead of ours."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Counter, JsonDocument, Key, UtcDateTime


class FakeSubscription(Base):
    """A subscription in Stripe's JSON, how often it has changed, and when time alone will change it next."""

    __tablename__ = "fake_subscriptions"

    id: Mapped[str] = mapped_column(Key, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    changes: Mapped[int]
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

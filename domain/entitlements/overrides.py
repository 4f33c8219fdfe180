"""What a customer has beyond its plans, because somebody gave it: a feature or a higher limit, for a reason.

An override only gives. Revoked and expired ones stay as they were, because answers about the past need them.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, or_, select, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Key, Listing, Session, UtcDateTime
from domain.ids import CustomerId, OverrideId

_LIVING = text("revoked_at IS NULL")


class Override(Base):
    """One override: exactly one of `feature` and `limit_key`, with the limit its `value` (UNLIMITED: no end).

    `expires_at` is its last instant; None: until it is revoked. `created_by` and `revoked_by` are actors' ids.
    """

    __tablename__ = "overrides"

    id: Mapped[OverrideId] = mapped_column(Key, primary_key=True)
    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"))
    feature: Mapped[str | None] = mapped_column(Key)
    limit_key: Mapped[str | None] = mapped_column(Key)
    value: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(Key)
    revoked_reason: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("(feature IS NULL) <> (limit_key IS NULL)", name="one_of_feature_and_limit"),
        CheckConstraint("(limit_key IS NULL) = (value IS NULL)", name="limit_has_value"),
        Index(None, "customer_id", "created_at", "id"),
        Index("ix_overrides_living", "customer_id", sqlite_where=_LIVING, postgresql_where=_LIVING),
    )


async def overrides_by_id(session: Session, ids: Sequence[str]) -> dict[str, Override]:
    """Find overrides by id; whether the caller may see them is the caller's business."""
    rows = (await session.execute(select(Override).where(Override.id.in_(ids)))).scalars()
    return {row.id: row for row in rows}


def overrides_of(customer_id: str, *, living_at: datetime | None = None) -> Listing[Override]:
    """List a customer's overrides, newest first: all of them, or those that count at an instant."""
    query = select(Override).where(Override.customer_id == customer_id)
    if living_at is not None:
        query = query.where(
            Override.revoked_at.is_(None), or_(Override.expires_at.is_(None), Override.expires_at >= living_at)
        )
    return Listing(entity=Override, queries=[query], by=Override.created_at, id=Override.id, descending=True)

"""The table of users."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Key, UtcDateTime
from domain.ids import UserId


class User(Base):
    """A person, known by issuer and subject. `email` is verified, lower case, and unique among users."""

    __tablename__ = "users"

    id: Mapped[UserId] = mapped_column(Key, primary_key=True)
    issuer: Mapped[str] = mapped_column(Key)
    subject: Mapped[str] = mapped_column(Key)
    email: Mapped[str | None] = mapped_column(Key, unique=True)
    name: Mapped[str | None] = mapped_column(Key)
    claims_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (UniqueConstraint("issuer", "subject"),)

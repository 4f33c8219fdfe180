"""The Fake processor's own state."""

import sqlalchemy as sa
from alembic import op

from domain.db import Counter, JsonDocument, Key, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fake_advances",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fake_advances"),
    )
    op.create_table(
        "fake_requests",
        sa.Column("key", Key, nullable=False),
        sa.Column("request", JsonDocument, nullable=False),
        sa.Column("answer", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_fake_requests"),
    )
    op.create_table(
        "fake_subscriptions",
        sa.Column("id", Key, nullable=False),
        sa.Column("document", JsonDocument, nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_fake_subscriptions"),
    )
    op.create_index("ix_fake_subscriptions_due_at", "fake_subscriptions", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_fake_subscriptions_due_at", table_name="fake_subscriptions")
    op.drop_table("fake_subscriptions")
    op.drop_table("fake_requests")
    op.drop_table("fake_advances")

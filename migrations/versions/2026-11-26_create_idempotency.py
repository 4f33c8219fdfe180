"""Idempotency keys, and how often somebody has tried."""

import sqlalchemy as sa
from alembic import op

from domain.db import JsonDocument, Key, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("actor_id", Key, nullable=False),
        sa.Column("operation", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("digest", Key, nullable=False),
        sa.Column("answer", JsonDocument, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("actor_id", "operation", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "rate_counts",
        sa.Column("bucket", Key, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("resets_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_rate_counts"),
    )
    op.create_index("ix_rate_counts_resets_at", "rate_counts", ["resets_at"], unique=False)


def downgrade() -> None:
    op.drop_table("rate_counts")
    op.drop_table("idempotency_keys")

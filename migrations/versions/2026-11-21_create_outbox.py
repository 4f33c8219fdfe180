"""Effects outside the database."""

import sqlalchemy as sa
from alembic import op

from domain.db import Counter, JsonDocument, Key, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox_messages",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("topic", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("payload", JsonDocument, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_messages"),
    )
    op.create_index("ix_outbox_messages_due_at", "outbox_messages", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_outbox_messages_due_at", table_name="outbox_messages")
    op.drop_table("outbox_messages")

"""The inbox of signed events."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("id", Key, nullable=False),
        sa.Column(
            "processor",
            sa.Enum("fake", "stripe", name="processor", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("event_id", Key, nullable=False),
        sa.Column("type", Key, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "received",
                "applied",
                "ignored",
                "failed",
                "dead",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("applied_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("waiting_for", Key, nullable=True),
        sa.Column("last_error", Key, nullable=True),
        sa.Column("customer_id", Key, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_webhook_events_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_events"),
        sa.UniqueConstraint("processor", "livemode", "event_id", name="uq_webhook_events_processor_livemode_event_id"),
    )
    op.create_index(
        "ix_webhook_events_status_next_attempt_at", "webhook_events", ["status", "next_attempt_at"], unique=False
    )
    op.create_index("ix_webhook_events_waiting_for", "webhook_events", ["waiting_for"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_webhook_events_waiting_for", table_name="webhook_events")
    op.drop_index("ix_webhook_events_status_next_attempt_at", table_name="webhook_events")
    op.drop_table("webhook_events")

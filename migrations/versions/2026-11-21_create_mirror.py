"""The mirror of subscriptions: current rows and facts."""

import sqlalchemy as sa
from alembic import op

from domain.db import Counter, JsonDocument, Key, UtcDateTime
from migrations.append_only import keep_append_only, let_change

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "billing_subscriptions",
        sa.Column("id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column(
            "processor",
            sa.Enum("fake", "stripe", name="processor", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("processor_id", Key, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "incomplete",
                "incomplete_expired",
                "trialing",
                "active",
                "past_due",
                "canceled",
                "unpaid",
                "paused",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("state", JsonDocument, nullable=False),
        sa.Column("past_due_since", UtcDateTime(), nullable=True),
        sa.Column("last_fact_at", UtcDateTime(), nullable=False),
        sa.Column("fetch_owed", sa.Boolean(), nullable=False),
        sa.Column("fetch_due_at", UtcDateTime(), nullable=True),
        sa.Column("fetch_attempts", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_billing_subscriptions_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_billing_subscriptions"),
        sa.UniqueConstraint(
            "processor", "livemode", "processor_id", name="uq_billing_subscriptions_processor_livemode_processor_id"
        ),
    )
    op.create_index(
        "ix_billing_subscriptions_customer_id_created_at_id",
        "billing_subscriptions",
        ["customer_id", "created_at", "id"],
        unique=False,
    )
    op.create_index("ix_billing_subscriptions_fetch_due_at", "billing_subscriptions", ["fetch_due_at"], unique=False)
    op.create_table(
        "subscription_facts",
        sa.Column("sequence", Counter, autoincrement=True, nullable=False),
        sa.Column("subscription_id", Key, nullable=False),
        sa.Column(
            "source",
            sa.Enum("event", "fetch", "command", name="source", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("type", Key, nullable=True),
        sa.Column("event_id", Key, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("state", JsonDocument, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["billing_subscriptions.id"], name="fk_subscription_facts_subscription_id"
        ),
        sa.PrimaryKeyConstraint("sequence", name="pk_subscription_facts"),
        sa.UniqueConstraint("subscription_id", "event_id", name="uq_subscription_facts_subscription_id_event_id"),
    )
    keep_append_only("subscription_facts")


def downgrade() -> None:
    let_change("subscription_facts")
    op.drop_table("subscription_facts")
    op.drop_index("ix_billing_subscriptions_fetch_due_at", table_name="billing_subscriptions")
    op.drop_index("ix_billing_subscriptions_customer_id_created_at_id", table_name="billing_subscriptions")
    op.drop_table("billing_subscriptions")

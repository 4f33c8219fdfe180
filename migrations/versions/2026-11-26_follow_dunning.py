"""Quantities follow the seats, invoices that are not paid are remembered, and what is past due for too long ends."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_outbox_messages_topic_key", "outbox_messages", ["topic", "key"])
    op.add_column("billing_intents", sa.Column("leased_until", UtcDateTime(), nullable=True))
    op.create_index("ix_billing_intents_leased_until", "billing_intents", ["leased_until"])
    followed = sa.Column("followed_version", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("billing_subscriptions", followed)
    op.create_index("ix_billing_subscriptions_past_due_since", "billing_subscriptions", ["past_due_since"])
    unfollowed = sa.text("followed_version <> version")
    op.create_index(
        "ix_billing_subscriptions_unfollowed",
        "billing_subscriptions",
        ["id"],
        sqlite_where=unfollowed,
        postgresql_where=unfollowed,
    )
    _create_invoices()
    op.create_table(
        "dunning_lapses",
        sa.Column("subscription_id", Key, nullable=False),
        sa.Column("past_due_since", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["billing_subscriptions.id"], name=op.f("fk_dunning_lapses_subscription_id")
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_dunning_lapses")),
    )


def downgrade() -> None:
    op.drop_table("dunning_lapses")
    op.drop_table("billing_invoices")
    op.drop_index("ix_billing_subscriptions_unfollowed", table_name="billing_subscriptions")
    op.drop_index("ix_billing_subscriptions_past_due_since", table_name="billing_subscriptions")
    op.drop_column("billing_subscriptions", "followed_version")
    op.drop_index("ix_billing_intents_leased_until", table_name="billing_intents")
    op.drop_column("billing_intents", "leased_until")
    op.drop_index("ix_outbox_messages_topic_key", table_name="outbox_messages")


def _create_invoices() -> None:
    op.create_table(
        "billing_invoices",
        sa.Column("processor", sa.String(32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("processor_id", Key, nullable=False),
        sa.Column("subscription_processor_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("event_id", Key, nullable=False),
        sa.CheckConstraint("processor IN ('fake', 'stripe', 'braintree')", name=op.f("ck_billing_invoices_processor")),
        sa.CheckConstraint("outcome IN ('paid', 'failed')", name=op.f("ck_billing_invoices_outcome")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_billing_invoices_customer_id")),
        sa.PrimaryKeyConstraint("processor", "livemode", "processor_id", name=op.f("pk_billing_invoices")),
    )
    op.create_index(
        "ix_billing_invoices_subscription",
        "billing_invoices",
        ["processor", "livemode", "subscription_processor_id"],
    )
    op.create_index("ix_billing_invoices_outcome_occurred_at", "billing_invoices", ["outcome", "occurred_at"])

"""Commands on their way to a processor."""

import sqlalchemy as sa
from alembic import op

from domain.db import JsonDocument, Key, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "billing_intents",
        sa.Column("key", Key, nullable=False),
        sa.Column(
            "operation",
            sa.Enum("subscribe", "cancel", name="operation", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("subscription_id", Key, nullable=True),
        sa.Column(
            "processor",
            sa.Enum("fake", "stripe", name="processor", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("request", JsonDocument, nullable=False),
        sa.Column(
            "actor_kind",
            sa.Enum("user", "system", name="actor_kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("actor_id", Key, nullable=False),
        sa.Column("request_id", Key, nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("failure", Key, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_billing_intents_customer_id"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["billing_subscriptions.id"], name="fk_billing_intents_subscription_id"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_billing_intents"),
    )
    op.create_index(
        "ix_billing_intents_customer_id_settled_at", "billing_intents", ["customer_id", "settled_at"], unique=False
    )
    op.create_index("ix_billing_intents_due_at", "billing_intents", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_billing_intents_due_at", table_name="billing_intents")
    op.drop_index("ix_billing_intents_customer_id_settled_at", table_name="billing_intents")
    op.drop_table("billing_intents")

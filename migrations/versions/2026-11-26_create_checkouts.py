"""Checkout sessions that we made."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEX = "ix_checkout_sessions_customer_id_settled_at"


def upgrade() -> None:
    op.create_table(
        "checkout_sessions",
        sa.Column(
            "processor",
            sa.Enum(
                "fake", "stripe", "braintree", name="processor", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("processor_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column(
            "status",
            sa.Enum("open", "complete", "expired", name="status", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("subscription_processor_id", Key, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_checkout_sessions_customer_id"),
        sa.PrimaryKeyConstraint("processor", "livemode", "processor_id", name="pk_checkout_sessions"),
    )
    op.create_index(INDEX, "checkout_sessions", ["customer_id", "settled_at"], unique=False)


def downgrade() -> None:
    op.drop_index(INDEX, table_name="checkout_sessions")
    op.drop_table("checkout_sessions")

"""What Stripe itself says of entitlements."""

import sqlalchemy as sa
from alembic import op

from domain.db import JsonDocument, Key, UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entitlement_summaries",
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("features", JsonDocument, nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column(
            "source",
            sa.Enum("pull", "webhook", name="source", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("event_id", Key, nullable=False),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_entitlement_summaries_customer_id"),
        sa.PrimaryKeyConstraint("customer_id", name="pk_entitlement_summaries"),
    )


def downgrade() -> None:
    op.drop_table("entitlement_summaries")

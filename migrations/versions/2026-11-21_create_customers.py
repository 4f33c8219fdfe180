"""Customers and their accounts at processors."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", Key, nullable=False),
        sa.Column(
            "owner_kind",
            sa.Enum("organization", "user", name="owner_kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("owner_id", Key, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customers"),
        sa.UniqueConstraint("owner_id", "owner_kind", name="uq_customers_owner_id_owner_kind"),
    )
    op.create_table(
        "processor_accounts",
        sa.Column(
            "processor",
            sa.Enum("fake", "stripe", name="processor", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("processor_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("linked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_processor_accounts_customer_id"),
        sa.PrimaryKeyConstraint("processor", "livemode", "processor_id", name="pk_processor_accounts"),
        sa.UniqueConstraint("customer_id", "processor", name="uq_processor_accounts_customer_id_processor"),
    )


def downgrade() -> None:
    op.drop_table("processor_accounts")
    op.drop_table("customers")

"""What hosts count against the limits of a catalog."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counted_pools",
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_counted_pools_used_not_negative")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_counted_pools_customer_id"),
        sa.PrimaryKeyConstraint("customer_id", "key", name="pk_counted_pools"),
    )
    op.create_table(
        "counted_holders",
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("holder_id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id", "key"],
            ["counted_pools.customer_id", "counted_pools.key"],
            name="fk_counted_holders_customer_id_key",
        ),
        sa.PrimaryKeyConstraint("customer_id", "key", "holder_id", name="pk_counted_holders"),
    )


def downgrade() -> None:
    op.drop_table("counted_holders")
    op.drop_table("counted_pools")

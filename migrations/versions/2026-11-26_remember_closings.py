"""When customers began to close, and when they were taken back, for answers about the past."""

import sqlalchemy as sa
from alembic import op

from domain.db import Counter, Key, UtcDateTime
from migrations.append_only import keep_append_only, let_change

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_closings",
        sa.Column("sequence", Counter, autoincrement=True, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("closing", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_customer_closings_customer_id"),
        sa.PrimaryKeyConstraint("sequence", name="pk_customer_closings"),
    )
    op.create_index("ix_customer_closings_customer_id_sequence", "customer_closings", ["customer_id", "sequence"])
    # Since when these are going, nobody has written down. They count as going from the start: better that an answer
    # about the past gives too little than that it claims a grant which nobody had.
    op.execute(
        "INSERT INTO customer_closings (customer_id, closing, at)"
        " SELECT id, true, created_at FROM customers WHERE closing_at IS NOT NULL ORDER BY id"
    )
    keep_append_only("customer_closings")


def downgrade() -> None:
    let_change("customer_closings")
    op.drop_index("ix_customer_closings_customer_id_sequence", "customer_closings")
    op.drop_table("customer_closings")

"""What single customers have beyond their plans."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

LIVING = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "overrides",
        sa.Column("id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=False),
        sa.Column("feature", Key, nullable=True),
        sa.Column("limit_key", Key, nullable=True),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_by", Key, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_by", Key, nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(feature IS NULL) <> (limit_key IS NULL)", name=op.f("ck_overrides_one_of_feature_and_limit")
        ),
        sa.CheckConstraint("(limit_key IS NULL) = (value IS NULL)", name=op.f("ck_overrides_limit_has_value")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_overrides_customer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_overrides"),
    )
    op.create_index("ix_overrides_customer_id_created_at_id", "overrides", ["customer_id", "created_at", "id"])
    op.create_index("ix_overrides_living", "overrides", ["customer_id"], sqlite_where=LIVING, postgresql_where=LIVING)


def downgrade() -> None:
    op.drop_index("ix_overrides_living", "overrides")
    op.drop_index("ix_overrides_customer_id_created_at_id", "overrides")
    op.drop_table("overrides")

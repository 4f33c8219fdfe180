"""Pools of seats count their changes, so that whoever follows them sees each."""

import sqlalchemy as sa
from alembic import op

from domain.db import Counter

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("seat_pools", sa.Column("version", Counter, server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("seat_pools") as batch:
        batch.drop_column("version")

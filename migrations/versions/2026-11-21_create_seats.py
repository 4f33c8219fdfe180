"""Seat pools and their holders."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "seat_pools",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("used >= 0", name="ck_seat_pools_used_not_negative"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_seat_pools"),
    )
    op.create_table(
        "seat_holders",
        sa.Column("organization_id", Key, nullable=False),
        sa.Column(
            "kind",
            sa.Enum("member", "invitation", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("holder_id", Key, nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["seat_pools.organization_id"], name="fk_seat_holders_organization_id"
        ),
        sa.PrimaryKeyConstraint("organization_id", "kind", "holder_id", name="pk_seat_holders"),
    )
    op.create_index(
        "ix_seat_holders_organization_id_kind_expires_at",
        "seat_holders",
        ["organization_id", "kind", "expires_at"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_seat_holders_organization_id_kind_expires_at", table_name="seat_holders")
    op.drop_table("seat_holders")
    op.drop_table("seat_pools")

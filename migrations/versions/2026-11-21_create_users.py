"""Users, by issuer and subject."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", Key, nullable=False),
        sa.Column("issuer", Key, nullable=False),
        sa.Column("subject", Key, nullable=False),
        sa.Column("email", Key, nullable=True),
        sa.Column("name", Key, nullable=True),
        sa.Column("claims_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.UniqueConstraint("issuer", "subject", name="uq_users_issuer_subject"),
    )


def downgrade() -> None:
    op.drop_table("users")

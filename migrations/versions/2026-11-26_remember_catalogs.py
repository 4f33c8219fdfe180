"""Every catalog that was ever in force, and since when."""

import sqlalchemy as sa
from alembic import op

from domain.db import Counter, JsonDocument, Key, UtcDateTime
from migrations.append_only import keep_append_only, let_change

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalogs",
        sa.Column("version", Key, nullable=False),
        sa.Column("document", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_catalogs"),
    )
    op.create_table(
        "catalog_periods",
        sa.Column("sequence", Counter, autoincrement=True, nullable=False),
        sa.Column("version", Key, nullable=False),
        sa.Column("in_force_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["catalogs.version"], name="fk_catalog_periods_version"),
        sa.PrimaryKeyConstraint("sequence", name="pk_catalog_periods"),
    )
    keep_append_only("catalog_periods")


def downgrade() -> None:
    let_change("catalog_periods")
    op.drop_table("catalog_periods")
    op.drop_table("catalogs")

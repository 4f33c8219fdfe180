"""Organizations can be deleted and come back; slugs are unique among the living."""

import sqlalchemy as sa
from alembic import op

from domain.db import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("organizations") as organizations:
        organizations.add_column(sa.Column("deleted_at", UtcDateTime(), nullable=True))
        organizations.add_column(sa.Column("restorable_until", UtcDateTime(), nullable=True))
        organizations.add_column(sa.Column("purge_at", UtcDateTime(), nullable=True))
        organizations.drop_constraint("uq_organizations_slug", type_="unique")
    living = sa.text("deleted_at IS NULL")
    op.create_index(
        "uq_organizations_living_slug",
        "organizations",
        ["slug"],
        unique=True,
        sqlite_where=living,
        postgresql_where=living,
    )
    op.create_index("ix_organizations_purge_at", "organizations", ["purge_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_organizations_purge_at", table_name="organizations")
    op.drop_index("uq_organizations_living_slug", table_name="organizations")
    with op.batch_alter_table("organizations") as organizations:
        organizations.create_unique_constraint("uq_organizations_slug", ["slug"])
        organizations.drop_column("purge_at")
        organizations.drop_column("restorable_until")
        organizations.drop_column("deleted_at")

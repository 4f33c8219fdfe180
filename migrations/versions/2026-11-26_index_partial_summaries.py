"""Find the customers of whose entitlements Stripe has shown only some."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

NAME = "ix_entitlement_summaries_partial"


def upgrade() -> None:
    op.create_index(
        NAME,
        "entitlement_summaries",
        ["observed_at"],
        sqlite_where=sa.text("complete = 0"),
        postgresql_where=sa.text("NOT complete"),
    )


def downgrade() -> None:
    op.drop_index(NAME, "entitlement_summaries")

"""The ledger, which triggers keep from being changed."""

import sqlalchemy as sa
from alembic import op

from domain.db import JsonDocument, Key, UtcDateTime
from migrations.append_only import keep_append_only, let_change

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", Key, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("action", Key, nullable=False),
        sa.Column("actor_kind", Key, nullable=False),
        sa.Column("actor_id", Key, nullable=False),
        sa.Column("organization_id", Key, nullable=True),
        sa.Column("subject_id", Key, nullable=False),
        sa.Column("request_id", Key, nullable=True),
        sa.Column("before", JsonDocument, nullable=True),
        sa.Column("after", JsonDocument, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index(
        "ix_audit_events_organization_id_occurred_at_id",
        "audit_events",
        ["organization_id", "occurred_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_audit_events_subject_id_occurred_at", "audit_events", ["subject_id", "occurred_at"], unique=False
    )
    keep_append_only("audit_events")


def downgrade() -> None:
    let_change("audit_events")
    op.drop_index("ix_audit_events_subject_id_occurred_at", table_name="audit_events")
    op.drop_index("ix_audit_events_organization_id_occurred_at_id", table_name="audit_events")
    op.drop_table("audit_events")

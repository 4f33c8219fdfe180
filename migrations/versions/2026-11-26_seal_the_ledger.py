"""The ledger in full: effective actors, keys, labels apart from the rows, seals, and how far forwarders are."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime
from migrations.append_only import keep_append_only, let_change

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = ("effective_actor_kind", "effective_actor_id", "idempotency_key", "actor_label", "subject_label")
# What a timeline can be narrowed by; each in the order of the timeline.
TIMELINES = {
    "ix_audit_events_occurred_at_id": [],
    "ix_audit_events_subject_id_occurred_at_id": ["subject_id"],
    "ix_audit_events_actor_id_occurred_at_id": ["actor_id"],
    "ix_audit_events_action_occurred_at_id": ["action"],
    "ix_audit_events_organization_subject": ["organization_id", "subject_id"],
    "ix_audit_events_organization_actor": ["organization_id", "actor_id"],
    "ix_audit_events_organization_action": ["organization_id", "action"],
}
FOR_ANOTHER = {
    "ix_audit_events_effective_actor": ["effective_actor_id"],
    "ix_audit_events_organization_effective_actor": ["organization_id", "effective_actor_id"],
}
SUBJECTS = "ix_audit_events_subject_id_occurred_at"


def upgrade() -> None:
    # Adding columns in place leaves the triggers where they are.
    for name in COLUMNS:
        op.add_column("audit_events", sa.Column(name, Key, nullable=True))
    op.drop_index(SUBJECTS, table_name="audit_events")
    for name, columns in TIMELINES.items():
        op.create_index(name, "audit_events", [*columns, "occurred_at", "id"], unique=False)
    where = sa.text("effective_actor_id IS NOT NULL")
    for name, columns in FOR_ANOTHER.items():
        op.create_index(
            name,
            "audit_events",
            [*columns, "occurred_at", "id"],
            unique=False,
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_table(
        "audit_seals",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_event_id", Key, nullable=False),
        sa.Column("seal", Key, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_seals"),
        sa.UniqueConstraint("audit_event_id", name="uq_audit_seals_audit_event_id"),
    )
    keep_append_only("audit_seals")
    op.create_table(
        "audit_unsealed",
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("audit_event_id", Key, nullable=False),
        sa.PrimaryKeyConstraint("occurred_at", "audit_event_id", name="pk_audit_unsealed"),
    )
    op.execute("INSERT INTO audit_unsealed (occurred_at, audit_event_id) SELECT occurred_at, id FROM audit_events")
    op.create_table(
        "audit_labels",
        sa.Column("audit_event_id", Key, nullable=False),
        sa.Column(
            "part",
            sa.Enum("actor", "subject", name="part", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("person_id", Key, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("salt", Key, nullable=False),
        sa.PrimaryKeyConstraint("audit_event_id", "part", name="pk_audit_labels"),
    )
    op.create_index("ix_audit_labels_person_id", "audit_labels", ["person_id"], unique=False)
    op.create_table(
        "audit_forwarders",
        sa.Column("name", Key, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_audit_forwarders"),
    )


def downgrade() -> None:
    op.drop_table("audit_forwarders")
    op.drop_table("audit_labels")
    op.drop_table("audit_unsealed")
    let_change("audit_seals")
    op.drop_table("audit_seals")
    for name in (*FOR_ANOTHER, *TIMELINES):
        op.drop_index(name, table_name="audit_events")
    op.create_index(SUBJECTS, "audit_events", ["subject_id", "occurred_at"], unique=False)
    for name in COLUMNS:
        op.drop_column("audit_events", name)

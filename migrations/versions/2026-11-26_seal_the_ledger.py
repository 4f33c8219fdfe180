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
TIMELINES = (
    ["occurred_at", "id"],
    ["actor_id", "occurred_at", "id"],
    ["effective_actor_id", "occurred_at", "id"],
    ["action", "occurred_at", "id"],
)


def upgrade() -> None:
    # Adding columns in place leaves the triggers where they are.
    for name in COLUMNS:
        op.add_column("audit_events", sa.Column(name, Key, nullable=True))
    for columns in TIMELINES:
        op.create_index(f"ix_audit_events_{'_'.join(columns)}", "audit_events", columns, unique=False)
    op.create_table(
        "audit_seals",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_event_id", Key, nullable=False),
        sa.Column("seal", Key, nullable=False),
        sa.Column("sealed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_seals"),
        sa.UniqueConstraint("audit_event_id", name="uq_audit_seals_audit_event_id"),
    )
    keep_append_only("audit_seals")
    op.create_table(
        "audit_unsealed",
        sa.Column("audit_event_id", Key, nullable=False),
        sa.PrimaryKeyConstraint("audit_event_id", name="pk_audit_unsealed"),
    )
    op.execute("INSERT INTO audit_unsealed (audit_event_id) SELECT id FROM audit_events")
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
    for columns in TIMELINES:
        op.drop_index(f"ix_audit_events_{'_'.join(columns)}", table_name="audit_events")
    for name in COLUMNS:
        op.drop_column("audit_events", name)

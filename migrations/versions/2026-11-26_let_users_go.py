"""Users can go: in stages, leaving a digest; and proofs are used once."""

import sqlalchemy as sa
from alembic import op

from domain.db import JsonDocument, Key, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("credentials_after", UtcDateTime(), nullable=True))
    op.add_column("users", sa.Column("deleting_at", UtcDateTime(), nullable=True))
    op.add_column("billing_subscriptions", sa.Column("closing_since", UtcDateTime(), nullable=True))
    op.add_column("customers", sa.Column("closing_at", UtcDateTime(), nullable=True))
    op.create_index("ix_customers_closing_at", "customers", ["closing_at"], unique=False)
    op.create_table(
        "user_tombstones",
        sa.Column("digest", Key, nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_user_tombstones"),
    )
    op.create_table(
        "user_deletions",
        sa.Column("user_id", Key, nullable=False),
        sa.Column("operation_id", Key, nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "checked",
                "performed",
                "aborted",
                "done",
                name="stage",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("irrevocable", sa.Boolean(), nullable=False),
        sa.Column("person", JsonDocument, nullable=True),
        sa.Column(
            "actor_kind",
            sa.Enum("user", "system", name="actor_kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("actor_id", Key, nullable=False),
        sa.Column("request_id", Key, nullable=True),
        sa.Column("idempotency_key", Key, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name="pk_user_deletions"),
        sa.UniqueConstraint("operation_id", name="uq_user_deletions_operation_id"),
    )
    op.create_index("ix_user_deletions_due_at", "user_deletions", ["due_at"], unique=False)
    op.create_table(
        "used_proofs",
        sa.Column("user_id", Key, nullable=False),
        sa.Column("proof", Key, nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "proof", name="pk_used_proofs"),
    )
    op.create_index("ix_used_proofs_used_at", "used_proofs", ["used_at"], unique=False)


def downgrade() -> None:
    op.drop_table("used_proofs")
    op.drop_table("user_deletions")
    op.drop_table("user_tombstones")
    op.drop_index("ix_customers_closing_at", table_name="customers")
    op.drop_column("customers", "closing_at")
    op.drop_column("billing_subscriptions", "closing_since")
    op.drop_column("users", "deleting_at")
    op.drop_column("users", "credentials_after")

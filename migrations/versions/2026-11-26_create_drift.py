"""Reports of what facts, rows and processors do not agree on."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from domain.db import Counter, JsonDocument, Key, UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

PROCESSORS = ("fake", "stripe", "braintree")
SCOPES = ("everything", "missed_events", "customer")
ACCESSES = ("wrongly_granted", "wrongly_withheld", "unchanged")
KINDS = (
    "missed_event",
    "edited_elsewhere",
    "unknown_price",
    "customer_without_row",
    "duplicate_live_subscription",
    "wrong_quantity",
)


def upgrade() -> None:
    _create_reports()
    _create_drifts()
    op.create_table(
        "event_cursors",
        sa.Column("processor", _closed("processor", PROCESSORS), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("read_until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("processor", "livemode", name="pk_event_cursors"),
    )
    op.create_table(
        "reconcile_turns",
        sa.Column("name", Key, nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("holder", Key, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_reconcile_turns"),
    )


def downgrade() -> None:
    op.drop_table("reconcile_turns")
    op.drop_table("event_cursors")
    op.drop_table("drifts")
    op.drop_table("drift_reports")


def _create_reports() -> None:
    op.create_table(
        "drift_reports",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("scope", _closed("scope", SCOPES), nullable=False),
        sa.Column("report_only", sa.Boolean(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("customers_checked", sa.Integer(), nullable=False),
        sa.Column("left_out", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drift_reports"),
    )
    op.create_index("ix_drift_reports_finished_at", "drift_reports", ["finished_at"], unique=False)


def _create_drifts() -> None:
    op.create_table(
        "drifts",
        sa.Column("report_id", Counter, nullable=False),
        sa.Column("place", Key, nullable=False),
        sa.Column("kind", _closed("kind", KINDS), nullable=False),
        sa.Column("processor", _closed("processor", PROCESSORS), nullable=False),
        sa.Column("processor_id", Key, nullable=False),
        sa.Column("customer_id", Key, nullable=True),
        sa.Column("access", _closed("access", ACCESSES), nullable=False),
        sa.Column("keys", JsonDocument, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("healed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["report_id"], ["drift_reports.id"], name="fk_drifts_report_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_drifts_customer_id"),
        sa.PrimaryKeyConstraint("report_id", "place", name="pk_drifts"),
    )


def _closed(name: str, words: Sequence[str]) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)

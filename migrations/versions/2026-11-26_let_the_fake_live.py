"""What the Fake holds true besides its subscriptions."""

import sqlalchemy as sa
from alembic import op

from domain.db import Counter, JsonDocument, Key, UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

CARDS = ("good", "declined", "missing")
FAULTS = (
    "ERROR_500",
    "ERROR_429",
    "HANG",
    "LOST_ANSWER",
    "NOT_DONE",
    "DUPLICATE",
    "REORDER",
    "DELAY",
    "DROP",
)


def upgrade() -> None:
    _extend_subscriptions()
    op.create_table(
        "fake_customers",
        sa.Column("id", Key, nullable=False),
        sa.Column("document", JsonDocument, nullable=False),
        sa.Column("card", _closed(CARDS, "card"), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fake_customers"),
    )
    op.create_table(
        "fake_prices",
        sa.Column("id", Key, nullable=False),
        sa.Column("document", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fake_prices"),
    )
    op.create_table(
        "fake_invoices",
        sa.Column("id", Key, nullable=False),
        sa.Column("subscription_id", Key, nullable=False),
        sa.Column("document", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fake_invoices"),
    )
    op.create_index("ix_fake_invoices_subscription_id", "fake_invoices", ["subscription_id"])
    op.create_table(
        "fake_checkouts",
        sa.Column("id", Key, nullable=False),
        sa.Column("document", JsonDocument, nullable=False),
        sa.Column("items", JsonDocument, nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_fake_checkouts"),
    )
    op.create_index("ix_fake_checkouts_due_at", "fake_checkouts", ["due_at"])
    _create_events()


def downgrade() -> None:
    for table in ("fake_faults", "fake_events", "fake_checkouts", "fake_invoices", "fake_prices", "fake_customers"):
        op.drop_table(table)
    op.drop_index("ix_fake_subscriptions_customer_id", table_name="fake_subscriptions")
    with op.batch_alter_table("fake_subscriptions") as batch:
        for column in ("trial_told", "pending", "owed", "customer_id"):
            batch.drop_column(column)


def _extend_subscriptions() -> None:
    """Give the subscriptions that are there what those of a younger Fake have."""
    with op.batch_alter_table("fake_subscriptions") as batch:
        batch.add_column(sa.Column("customer_id", Key, nullable=True))
        batch.add_column(sa.Column("owed", JsonDocument, nullable=True))
        batch.add_column(sa.Column("pending", JsonDocument, nullable=True))
        batch.add_column(sa.Column("trial_told", sa.Boolean(), nullable=True))
    rows = sa.table(
        "fake_subscriptions",
        sa.column("customer_id"),
        sa.column("document", JsonDocument),
        sa.column("pending", JsonDocument),
        sa.column("trial_told", sa.Boolean()),
    )
    customer = rows.c.document["customer"].as_string()
    op.execute(rows.update().values(customer_id=customer, pending=[], trial_told=False))
    with op.batch_alter_table("fake_subscriptions") as batch:
        batch.alter_column("customer_id", existing_type=Key, nullable=False)
        batch.alter_column("pending", existing_type=JsonDocument, nullable=False)
        batch.alter_column("trial_told", existing_type=sa.Boolean(), nullable=False)
    op.create_index("ix_fake_subscriptions_customer_id", "fake_subscriptions", ["customer_id"])


def _create_events() -> None:
    op.create_table(
        "fake_events",
        sa.Column("sequence", Counter, autoincrement=True, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("type", Key, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("held_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_fake_events"),
        sa.UniqueConstraint("id", name="uq_fake_events_id"),
    )
    op.create_index("ix_fake_events_occurred_at", "fake_events", ["occurred_at"])
    op.create_index("ix_fake_events_held_at", "fake_events", ["held_at"])
    op.create_table(
        "fake_faults",
        sa.Column("id", Counter, autoincrement=True, nullable=False),
        sa.Column("kind", _closed(FAULTS, "kind"), nullable=False),
        sa.Column("operation", Key, nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fake_faults"),
    )


def _closed(words: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)

"""The inbox can be read and pruned at a cost that does not grow with it."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_webhook_events_received_at_id": ["received_at", "id"],
    "ix_webhook_events_status_received_at_id": ["status", "received_at", "id"],
    "ix_webhook_events_type_received_at_id": ["type", "received_at", "id"],
    "ix_webhook_events_customer_id_received_at_id": ["customer_id", "received_at", "id"],
    "ix_webhook_events_event_id": ["event_id"],
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.create_index(name, "webhook_events", columns, unique=False)


def downgrade() -> None:
    for name in reversed(INDEXES):
        op.drop_index(name, table_name="webhook_events")

"""Commands to a processor know the idempotency key that they were called with."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("billing_intents", sa.Column("idempotency_operation", Key, nullable=True))
    op.add_column("billing_intents", sa.Column("idempotency_key", Key, nullable=True))


def downgrade() -> None:
    op.drop_column("billing_intents", "idempotency_key")
    op.drop_column("billing_intents", "idempotency_operation")

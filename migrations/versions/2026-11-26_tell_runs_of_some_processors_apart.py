"""A run over some of the processors is no comparison of everything."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

NAME = "ck_drift_reports_scope"


def upgrade() -> None:
    _allow(("everything", "processors", "missed_events", "customer"))


def downgrade() -> None:
    # The older house knows no such runs, and to call them anything else would make them say what they do not.
    op.execute("DELETE FROM drifts WHERE report_id IN (SELECT id FROM drift_reports WHERE scope = 'processors')")
    op.execute("DELETE FROM drift_reports WHERE scope = 'processors'")
    _allow(("everything", "missed_events", "customer"))


def _allow(words: Sequence[str]) -> None:
    """Replace the list of scopes; SQLite makes the table anew, which has no other check."""
    listed = ", ".join(f"'{word}'" for word in words)
    with op.batch_alter_table("drift_reports") as batch:
        if op.get_bind().dialect.name == "postgresql":
            batch.drop_constraint(op.f(NAME), type_="check")
        batch.create_check_constraint(op.f(NAME), sa.text(f"scope IN ({listed})"))

"""Braintree bills too, and commands may be more than buying and cancelling."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

PROCESSORS = ("fake", "stripe", "braintree")
OPERATIONS = (
    "subscribe",
    "swap_plan",
    "update_quantity",
    "cancel",
    "resume",
    "pause",
    "unpause",
    "create_checkout",
    "create_portal",
    "reconcile",
    "follow_seats",
    "end_dunning",
)
BILLED = ("processor_accounts", "billing_subscriptions", "billing_intents", "webhook_events")


def upgrade() -> None:
    for table in BILLED:
        _allow(table, "processor", PROCESSORS)
    _allow("billing_intents", "operation", OPERATIONS)


def downgrade() -> None:
    _allow("billing_intents", "operation", ("subscribe", "cancel"))
    for table in reversed(BILLED):
        _allow(table, "processor", ("fake", "stripe"))


def _allow(table: str, column: str, words: Sequence[str]) -> None:
    """Replace the list of words that a column may hold."""
    listed = ", ".join(f"'{word}'" for word in words)
    name = op.f(f"ck_{table}_{column}")
    with op.batch_alter_table(table, table_args=_other_checks(table, column)) as batch:
        if op.get_bind().dialect.name == "postgresql":
            batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, sa.text(f"{column} IN ({listed})"))


def _other_checks(table: str, column: str) -> tuple[sa.CheckConstraint, ...]:
    """Find the checks that stay: a table that is made anew keeps only those that it is told of."""
    if op.get_bind().dialect.name == "postgresql":
        return ()
    found = sa.inspect(op.get_bind()).get_check_constraints(table)
    return tuple(
        sa.CheckConstraint(sa.text(check["sqltext"]), name=op.f(str(check["name"])))
        for check in found
        if check["name"] != f"ck_{table}_{column}"
    )

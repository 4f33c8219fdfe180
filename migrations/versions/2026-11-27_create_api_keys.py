"""Programs have credentials of their own, and may do what so far only people and Seatgate's own parts did."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

ACTED_IN = (("invitations", "invited_by_kind"), ("user_deletions", "actor_kind"), ("billing_intents", "actor_kind"))
LATER_WORK = ("user_deletions", "billing_intents")
KINDS = ("user", "api_key", "system")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", Key, nullable=False),
        sa.Column("label", Key, nullable=False),
        sa.Column("scopes", sa.String(255), nullable=False),
        sa.Column("organization_id", Key, nullable=True),
        sa.Column("digest", Key, nullable=False),
        sa.Column(
            "created_by_kind",
            sa.Enum(*KINDS, name="created_by_kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("created_by_id", Key, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_api_keys_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_index(
        "ix_api_keys_organization_id_created_at_id", "api_keys", ["organization_id", "created_at", "id"], unique=False
    )
    for table, column in ACTED_IN:
        _allow(table, column, KINDS)
    for table in LATER_WORK:
        op.add_column(table, sa.Column("on_behalf_of", Key, nullable=True))


def downgrade() -> None:
    for table in LATER_WORK:
        op.drop_column(table, "on_behalf_of")
    for table, column in ACTED_IN:
        # The older house knows no programs; what they began must go on, and it is no person's either.
        op.execute(f"UPDATE {table} SET {column} = 'system' WHERE {column} = 'api_key'")  # noqa: S608 - our own names
        _allow(table, column, ("user", "system"))
    op.drop_table("api_keys")


def _allow(table: str, column: str, words: Sequence[str]) -> None:
    """Replace the list of words that a column may hold."""
    listed = ", ".join(f"'{word}'" for word in words)
    name = op.f(f"ck_{table}_{column}")
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, sa.text(f"{column} IN ({listed})"))

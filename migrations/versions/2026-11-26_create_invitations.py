"""Places offered to e-mail addresses."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", Key, nullable=False),
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("email", Key, nullable=False),
        sa.Column(
            "role",
            sa.Enum("OWNER", "ADMIN", "MEMBER", name="role", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "accepted",
                "revoked",
                "superseded",
                "expired",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "invited_by_kind",
            sa.Enum("user", "system", name="invited_by_kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("invited_by_id", Key, nullable=False),
        sa.Column("nonce", Key, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("tidy_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_invitations_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
    )
    pending = sa.text("status = 'pending'")
    op.create_index(
        "uq_invitations_pending_email",
        "invitations",
        ["organization_id", "email"],
        unique=True,
        sqlite_where=pending,
        postgresql_where=pending,
    )
    for columns in (["organization_id", "created_at", "id"], ["organization_id", "status", "expires_at"], ["tidy_at"]):
        op.create_index(f"ix_invitations_{'_'.join(columns)}", "invitations", columns, unique=False)


def downgrade() -> None:
    op.drop_table("invitations")

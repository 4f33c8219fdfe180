"""Organizations and memberships."""

import sqlalchemy as sa
from alembic import op

from domain.db import Key, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", Key, nullable=False),
        sa.Column("slug", Key, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("external_id", Key, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sa.UniqueConstraint("external_id", name="uq_organizations_external_id"),
        sa.UniqueConstraint("slug", name="uq_organizations_slug"),
    )
    op.create_table(
        "memberships",
        sa.Column("id", Key, nullable=False),
        sa.Column("organization_id", Key, nullable=False),
        sa.Column("user_id", Key, nullable=False),
        sa.Column(
            "role",
            sa.Enum("OWNER", "ADMIN", "MEMBER", name="role", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_memberships_organization_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_memberships"),
        sa.UniqueConstraint("organization_id", "user_id", name="uq_memberships_organization_id_user_id"),
    )
    op.create_index(
        "ix_memberships_organization_id_joined_at_id",
        "memberships",
        ["organization_id", "joined_at", "id"],
        unique=False,
    )
    op.create_index("ix_memberships_user_id_joined_at_id", "memberships", ["user_id", "joined_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_memberships_user_id_joined_at_id", table_name="memberships")
    op.drop_index("ix_memberships_organization_id_joined_at_id", table_name="memberships")
    op.drop_table("memberships")
    op.drop_table("organizations")

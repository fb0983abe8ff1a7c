"""Add the outbox: one row per pending task."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
PENDING = sa.text("done_at IS NULL AND failed_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task", sa.String(100), nullable=False),
        sa.Column("args", sa.JSON(), nullable=False),
        sa.Column("user_id", BIG, nullable=True),
        sa.Column("domain", sa.String(254), nullable=False, server_default=""),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("failed_at", MOMENT, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_pending", "outbox", ["due_at"], sqlite_where=PENDING, postgresql_where=PENDING)
    op.create_index(
        "ix_outbox_pending_expires_at", "outbox", ["expires_at"], sqlite_where=PENDING, postgresql_where=PENDING
    )
    op.create_index("ix_outbox_pending_domain", "outbox", ["domain"], sqlite_where=PENDING, postgresql_where=PENDING)
    op.create_index("ix_outbox_done_at", "outbox", ["done_at"])
    op.create_index("ix_outbox_user_id", "outbox", ["user_id"])


def downgrade() -> None:
    op.drop_table("outbox")

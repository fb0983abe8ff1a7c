"""Add what jobs need: keys, progress and schedules; and whether a done row sent nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

HAS_KEY = sa.text("once IS NOT NULL")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("once", sa.String(100), nullable=True))
    op.add_column("outbox", sa.Column("progress", sa.SmallInteger(), nullable=True))
    op.add_column("outbox", sa.Column("sent_nothing", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_outbox_once", "outbox", ["task", "once"], unique=True, sqlite_where=HAS_KEY, postgresql_where=HAS_KEY
    )
    op.create_table(
        "outbox_schedule",
        sa.Column("task", sa.String(100), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task", name="pk_outbox_schedule"),
    )


def downgrade() -> None:
    op.drop_table("outbox_schedule")
    op.drop_index("ix_outbox_once", "outbox")
    for column in ("sent_nothing", "progress", "once"):
        op.drop_column("outbox", column)

"""Add the outbox's totals, which count purged rows, too, and the index that finds its oldest pending row."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

PENDING = sa.text("done_at IS NULL AND failed_at IS NULL")
NAMES, PARTS = ("sent", "retried", "late_results"), 8


def upgrade() -> None:
    totals = op.create_table(
        "outbox_totals",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", "part", name="pk_outbox_totals"),
    )
    op.bulk_insert(totals, [{"name": name, "part": part, "total": 0} for name in NAMES for part in range(PARTS)])
    op.create_index(
        "ix_outbox_pending_created_at", "outbox", ["created_at"], sqlite_where=PENDING, postgresql_where=PENDING
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_pending_created_at", "outbox")
    op.drop_table("outbox_totals")

"""Add the outbox's totals: what metrics tell of rows that are long gone."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

NAMES, PARTS = ("sent", "retried", "late_marks"), 8


def upgrade() -> None:
    totals = op.create_table(
        "outbox_totals",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("part", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", "part", name="pk_outbox_totals"),
    )
    op.bulk_insert(totals, [{"name": name, "part": part, "total": 0} for name in NAMES for part in range(PARTS)])


def downgrade() -> None:
    op.drop_table("outbox_totals")

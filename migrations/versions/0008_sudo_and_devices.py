"""Add the time at which a session last gave the password, and that at which an account forgot its devices."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("login_sessions", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("devices_forgotten_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "devices_forgotten_at")  # never by batch_alter_table, which would copy the table
    op.drop_column("login_sessions", "confirmed_at")

"""Add read-only staff, and the indexes of the staff's lists."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

FAILED = sa.text("failed_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("users", sa.Column("is_viewer", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_users_joined_at", "users", ["joined_at"])
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"])
    op.create_index("ix_outbox_failed_at", "outbox", ["failed_at"], sqlite_where=FAILED, postgresql_where=FAILED)
    op.create_index("ix_login_sessions_last_seen_at", "login_sessions", ["last_seen_at"])
    where = {"sqlite_where": sa.text("is_remembered = 0"), "postgresql_where": sa.text("NOT is_remembered")}
    op.create_index("ix_login_sessions_not_remembered", "login_sessions", ["last_seen_at"], **where)


def downgrade() -> None:
    op.drop_index("ix_login_sessions_not_remembered", "login_sessions")
    op.drop_index("ix_login_sessions_last_seen_at", "login_sessions")
    op.drop_index("ix_outbox_failed_at", "outbox")
    op.drop_index("ix_outbox_created_at", "outbox")
    op.drop_index("ix_users_joined_at", "users")
    op.drop_column("users", "is_viewer")  # never by batch_alter_table, which would copy the table and reuse ids

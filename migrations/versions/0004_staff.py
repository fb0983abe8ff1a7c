"""Add read-only staff, and the indexes of the staff's lists."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

FAILED = sa.text("failed_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("is_viewer", sa.Boolean(), nullable=False, server_default=sa.false()))
        users.create_index("ix_users_joined_at", ["joined_at"])
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"])
    op.create_index("ix_outbox_failed_at", "outbox", ["failed_at"], sqlite_where=FAILED, postgresql_where=FAILED)
    op.create_index("ix_login_sessions_last_seen_at", "login_sessions", ["last_seen_at"])


def downgrade() -> None:
    op.drop_index("ix_login_sessions_last_seen_at", "login_sessions")
    op.drop_index("ix_outbox_failed_at", "outbox")
    op.drop_index("ix_outbox_created_at", "outbox")
    with op.batch_alter_table("users") as users:
        users.drop_index("ix_users_joined_at")
        users.drop_column("is_viewer")

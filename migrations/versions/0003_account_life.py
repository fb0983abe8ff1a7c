"""Add what accounts need beyond a login: session details, changes of address, closing, the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
UNCONFIRMED, CLOSED = sa.text("email_confirmed_at IS NULL"), sa.text("closed_at IS NOT NULL")
USER_COLUMNS = (
    *("closed_at", "undo_password_hash", "email_changed_at", "previous_email", "is_mailbox_lost", "pending_email"),
    *("password_changed_at", "confirm_by", "left_email"),
)


def upgrade() -> None:
    op.add_column("users", sa.Column("confirm_by", MOMENT, nullable=True))
    op.add_column("users", sa.Column("password_changed_at", MOMENT, nullable=True))
    op.add_column("users", sa.Column("pending_email", sa.String(254), nullable=True))
    op.add_column("users", sa.Column("is_mailbox_lost", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("previous_email", sa.String(254), nullable=True))
    op.add_column("users", sa.Column("left_email", sa.String(254), nullable=True))
    op.add_column("users", sa.Column("email_changed_at", MOMENT, nullable=True))
    op.add_column("users", sa.Column("undo_password_hash", sa.String(255), nullable=True))
    op.add_column("users", sa.Column("closed_at", MOMENT, nullable=True))
    op.create_index(
        "ix_users_confirm_by", "users", ["confirm_by"], sqlite_where=UNCONFIRMED, postgresql_where=UNCONFIRMED
    )
    op.create_index("ix_users_closed_at", "users", ["closed_at"], sqlite_where=CLOSED, postgresql_where=CLOSED)
    is_remembered = sa.Column("is_remembered", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("login_sessions", is_remembered)
    op.add_column("login_sessions", sa.Column("ip_address", sa.String(45), nullable=False, server_default=""))
    op.add_column("login_sessions", sa.Column("device", sa.String(200), nullable=False, server_default=""))
    op.create_index("ix_login_sessions_expires_at", "login_sessions", ["expires_at"])
    op.create_table(
        "audit_events",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("user_id", BIG, nullable=True),
        sa.Column("actor_id", BIG, nullable=True),
        sa.Column("actor_name", sa.String(150), nullable=False, server_default=""),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("ip_address", sa.String(45), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    op.create_index("ix_audit_events_user_id", "audit_events", ["user_id"])


def downgrade() -> None:
    op.drop_table("audit_events")
    op.drop_index("ix_login_sessions_expires_at", "login_sessions")
    for column in ("device", "ip_address", "is_remembered"):
        op.drop_column("login_sessions", column)
    op.drop_index("ix_users_closed_at", "users")
    op.drop_index("ix_users_confirm_by", "users")
    for column in USER_COLUMNS:
        op.drop_column("users", column)  # never by batch_alter_table, which would copy the table and reuse ids

"""Add what makes usernames that look alike one name, and the index of the passwords that come from Django."""

import sqlalchemy as sa
from alembic import op

from flaskcelery.users.lookalikes import skeleton_digest

revision = "0006"
down_revision = "0005"

PBKDF2 = sa.text("substr(password_hash, 1, 14) = 'pbkdf2_sha256$'")
USERS = sa.table("users", sa.column("id", sa.BigInteger), sa.column("username"), sa.column("username_skeleton"))


def upgrade() -> None:
    op.add_column("users", sa.Column("username_skeleton", sa.String(64), nullable=True))
    fill()
    op.create_index("ix_users_username_skeleton", "users", ["username_skeleton"], unique=True)
    op.create_index("ix_users_pbkdf2_hash", "users", ["password_hash"], sqlite_where=PBKDF2, postgresql_where=PBKDF2)


def fill() -> None:
    """Give each look to the account that had it first; later ones keep their names, without a skeleton."""
    first: dict[str, int] = {}
    for user_id, username in op.get_bind().execute(sa.select(USERS.c.id, USERS.c.username).order_by(USERS.c.id)):
        first.setdefault(skeleton_digest(username), user_id)
    if first:
        by_id = sa.update(USERS).where(USERS.c.id == sa.bindparam("user_id"))
        rows = [{"user_id": user_id, "skeleton": skeleton} for skeleton, user_id in first.items()]
        op.get_bind().execute(by_id.values(username_skeleton=sa.bindparam("skeleton")), rows)


def downgrade() -> None:
    op.drop_index("ix_users_pbkdf2_hash", "users")
    op.drop_index("ix_users_username_skeleton", "users")
    op.drop_column("users", "username_skeleton")  # never by batch_alter_table, which would copy the table and reuse ids

"""Add what makes usernames that look alike one name."""

import sqlalchemy as sa
from alembic import op

from flaskcelery.users.lookalikes import skeleton_digest

revision = "0006"
down_revision = "0005"

USERS = sa.table("users", sa.column("id", sa.BigInteger), sa.column("username"), sa.column("username_skeleton"))


def upgrade() -> None:
    op.add_column("users", sa.Column("username_skeleton", sa.String(64), nullable=True))
    fill()
    op.create_index("ix_users_username_skeleton", "users", ["username_skeleton"], unique=True)


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
    op.drop_index("ix_users_username_skeleton", "users")
    op.drop_column("users", "username_skeleton")  # never by batch_alter_table, which would copy the table and reuse ids

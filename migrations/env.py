"""How Alembic reaches the application's database; Flask-Migrate runs this file."""

import logging
import sys

from alembic import context
from alembic.operations.ops import AddColumnOp
from flask import current_app
from sqlalchemy import Boolean, text

from flaskcelery.database import UtcDateTime

db = current_app.extensions["migrate"].db
options = current_app.extensions["migrate"].configure_args

if "quiet" in context.get_x_argument():  # `make migration` says itself what it does
    logging.getLogger("alembic").setLevel(logging.WARNING)


def render_item(kind, item, _context):
    """Write the project's own column type into a migration as the plain type that it is in the database."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def refuse(_context, _revision, directives) -> None:
    """Stop `make migration` where nothing has changed, or where a new column has no value for rows that are there."""
    if not getattr(context.config.cmd_opts, "autogenerate", False):
        return
    if directives[0].upgrade_ops.is_empty():
        sys.exit("Nothing to migrate: the database has all tables and columns. Does a view or page import your model?")
    for table in directives[0].upgrade_ops.ops:
        for change in getattr(table, "ops", ()):
            column = change.column if isinstance(change, AddColumnOp) else None
            if column is not None and not column.nullable and column.server_default is None:
                value = 'text("false")' if isinstance(column.type, Boolean) else '"a value"'
                sys.exit(
                    f"The rows that are there have no value for the new column {change.table_name}.{column.name}:"
                    f" write Mapped[... | None], or mapped_column(..., server_default={value})."
                )


options = {**options, "render_item": render_item, "process_revision_directives": refuse}


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(url=db.engine.url, target_metadata=db.metadata, literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Apply the migrations."""
    with db.engines.get("migrations", db.engine).connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.detach()  # closed at the end, not pooled: `make run` would keep the lock
            # The pages' limit is not for migrations. Two of them at a time, on two hosts, take turns.
            connection.execute(text("SET statement_timeout = 0; SET lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_lock(5050)"))
            connection.execute(text("RESET lock_timeout"))
            connection.commit()
        context.configure(connection=connection, target_metadata=db.metadata, **options)
        with context.begin_transaction():
            context.run_migrations()


run_offline() if context.is_offline_mode() else run_online()

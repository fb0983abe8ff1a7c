"""The base of tables whose rows belong to a user."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import ForeignKey, Select, inspect, select
from sqlalchemy.orm import Mapped, mapped_column

from flaskcelery.database import Base, now_plus
from flaskcelery.users.exports import Export, add_export, pick


class Owned(Base):
    """A row that goes when its user's account goes. Users can download its columns, unless `@exports` names fewer."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now_plus(), index=True, sort_order=1)  # the last column

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__tablename__" in vars(cls):
            # Ids are never reused: the key of an email that was sent once can contain one.
            cls.metadata.tables[cls.__tablename__].dialect_kwargs["sqlite_autoincrement"] = True
            add_export(cls.__tablename__, Export(cls.of, _describe), cls.__module__)

    @classmethod
    def of(cls, user_id: int) -> Select[Self]:
        """Return the query for a user's rows, newest first."""
        return select(cls).where(cls.user_id == user_id).order_by(cls.id.desc())


def _describe(row: Owned) -> dict[str, Any]:
    return pick(row, [column.key for column in inspect(type(row)).columns if column.key != "user_id"])

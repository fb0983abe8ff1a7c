"""Accounts, their recovery codes and their login sessions, and the base of tables whose rows belong to a user."""

from datetime import datetime
from typing import Any, Self, cast

from flask_login import UserMixin
from sqlalchemy import Boolean, ForeignKey, Index, Select, String, false, inspect, literal_column, select, text
from sqlalchemy.orm import Mapped, mapped_column

from flaskcelery.database import Base, now_plus
from flaskcelery.users.exports import Export, add_export, pick

NO_PASSWORD = "!"  # noqa: S105  matches no password, as in Django
HAS_PBKDF2_HASH = literal_column("substr(password_hash, 1, 14) = 'pbkdf2_sha256$'", Boolean())  # imported, no login
VOIDED_PASSWORD = "voided"  # noqa: S105  matches no password either, but a reset link can replace it
UNCONFIRMED, CLOSED = text("email_confirmed_at IS NULL"), text("closed_at IS NOT NULL")


class User(Base, UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """An account. The database decides whether a name is taken, by the `*_key` and `*_skeleton` columns."""

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_pbkdf2_hash", "password_hash", sqlite_where=HAS_PBKDF2_HASH, postgresql_where=HAS_PBKDF2_HASH),
        Index("ix_users_confirm_by", "confirm_by", sqlite_where=UNCONFIRMED, postgresql_where=UNCONFIRMED),
        Index("ix_users_closed_at", "closed_at", sqlite_where=CLOSED, postgresql_where=CLOSED),
        {"sqlite_autoincrement": True},  # ids are never reused: other rows can still refer to one
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    username_key: Mapped[str] = mapped_column(String(600), unique=True)
    # None if the account is older than the rule, or was imported with a name that looks like another one's.
    username_skeleton: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_staff: Mapped[bool] = mapped_column(default=False)
    # Sees what staff sees, changes nothing.
    is_viewer: Mapped[bool] = mapped_column(default=False, server_default=false())
    joined_at: Mapped[datetime] = mapped_column(default=now_plus(), index=True)
    last_login_at: Mapped[datetime | None]
    email_confirmed_at: Mapped[datetime | None]
    confirm_by: Mapped[datetime | None]  # an account that is still unconfirmed then is deleted; None: never
    password_changed_at: Mapped[datetime | None]  # None: the password is as old as the account
    pending_email: Mapped[str | None] = mapped_column(String(254))  # requested, not yet confirmed
    # The owner said with the request that the present mailbox is lost: its undo link shall not work by itself.
    is_mailbox_lost: Mapped[bool] = mapped_column(default=False, server_default=false())
    previous_email: Mapped[str | None] = mapped_column(String(254))  # can undo the change for seven days
    left_email: Mapped[str | None] = mapped_column(String(254))  # before the last change or undo; is told about it
    email_changed_at: Mapped[datetime | None]  # None: there is no change to undo
    undo_password_hash: Mapped[str | None] = mapped_column(String(255))  # the password that an undo needs, too
    # Of an authenticator app, encrypted; None: the account has no second factor.
    totp_secret: Mapped[str | None] = mapped_column(String(255))
    totp_last_step: Mapped[int] = mapped_column(default=0, server_default="0")  # whose code was used
    totp_enabled_at: Mapped[datetime | None]
    devices_forgotten_at: Mapped[datetime | None]  # no browser that was known before is known any more
    closed_at: Mapped[datetime | None]  # by its owner: erased when no email is pending

    # The token of the login session that this request belongs to; Flask-Login keeps it in the cookie.
    session_token = cast("str | None", None)
    has_new_token = False  # made by this request, so nobody has a copy of it

    def get_id(self) -> str | None:
        """Return what Flask-Login stores in the cookie: the session's token, never the user's id."""
        return self.session_token

    @property
    def has_role(self) -> bool:
        """Return whether the account sees the admin pages."""
        return self.is_staff or self.is_viewer

    @property
    def has_password(self) -> bool:
        """Return whether the account has a password; Django marks one that has none by a leading `!`."""
        return not self.password_hash.startswith(NO_PASSWORD)

    @property
    def role(self) -> str:
        return "staff" if self.is_staff else "viewer" if self.is_viewer else "user"

    @property
    def state(self) -> str:
        if not self.is_active:
            return "closed" if self.closed_at else "locked out"
        return "active" if self.email_confirmed_at else "unconfirmed"


class RecoveryCode(Base):
    """One code that still works in place of the authenticator app. Using it deletes the row."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))


class LoginSession(Base):
    """One logged-in browser. Deleting the row logs it out, and with it every copy of its cookie."""

    __tablename__ = "login_sessions"
    __table_args__ = (
        Index(
            "ix_login_sessions_not_remembered",
            "last_seen_at",
            sqlite_where=text("is_remembered = 0"),  # each as SQLAlchemy writes the condition
            postgresql_where=text("NOT is_remembered"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now_plus())
    last_seen_at: Mapped[datetime] = mapped_column(default=now_plus(), index=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    # When its owner last gave the password or a code; None: before this column existed.
    confirmed_at: Mapped[datetime | None] = mapped_column(default=now_plus())
    is_remembered: Mapped[bool] = mapped_column(default=False, server_default=false())
    ip_address: Mapped[str] = mapped_column(String(45), default="", server_default="")
    device: Mapped[str] = mapped_column(String(200), default="", server_default="")


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

"""The audit trail."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from flaskcelery.database import Base, now_plus

EMAIL_LENGTH = 254
DETAIL_LENGTH = 200


class AuditEvent(Base):
    """An event that touched an account. It has no foreign keys, because it outlives the accounts it is about."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now_plus())
    event: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[int | None] = mapped_column(index=True)
    actor_id: Mapped[int | None]  # the member of staff who did it
    actor_name: Mapped[str] = mapped_column(
        String(150), default="", server_default=""
    )  # their username then, kept when their account goes
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH))  # masked
    ip_address: Mapped[str] = mapped_column(String(45))
    request_id: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(DETAIL_LENGTH))

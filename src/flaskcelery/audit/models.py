"""The audit trail."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from flaskcelery.database import Base, now_plus


class AuditEvent(Base):
    """Something that happened to an account. It refers to nothing: accounts come and go, events stay for a time."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now_plus())
    event: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[int | None] = mapped_column(index=True)
    actor_id: Mapped[int | None]  # the member of staff who did it to somebody else
    email: Mapped[str] = mapped_column(String(254))  # masked
    ip_address: Mapped[str] = mapped_column(String(45))
    request_id: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(200))

"""Browsers: their names in words, which of them an account knows, and the email about one that it does not know."""

import re
from datetime import timedelta

from flask import Response, after_this_request, current_app, has_request_context, request
from sqlalchemy import Select, func, select

from flaskcelery.audit.events import Event, record
from flaskcelery.audit.models import AuditEvent
from flaskcelery.database import db, now_plus
from flaskcelery.mail.message import Message
from flaskcelery.outbox.models import OutboxRow
from flaskcelery.outbox.tasks import task
from flaskcelery.users.emails import notify, tell
from flaskcelery.users.models import User
from flaskcelery.users.recipients import find_open
from flaskcelery.users.samples import sample_login
from flaskcelery.users.tokens import LINK_MAX_AGE, Purpose, disown_link, lifetime, make_token, verify_token
from flaskcelery.web.rate_limits import EMAILS_TO_ONE_RECIPIENT
from flaskcelery.web.requests import user_agent

YEAR = 365 * 24 * 3600  # seconds
MAX_ACCOUNTS = 10  # that one browser's cookie proves to be known to
NEW_DEVICE = "new device: "  # begins the detail of a login's audit event
DOUBLE_CLICK = timedelta(minutes=1)

# The first that is found names it: most browsers also carry the names of others, for sites that ask.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def describe_device(user_agent: str) -> str:
    """Return the browser and the system, as far as its User-Agent tells them: `Firefox on Windows`."""
    browser = next((name for sign, name in BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in SYSTEMS if sign in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "Unknown device"


def remember_device(user: User) -> None:
    """Set the cookie by which this account, and those before it, know this browser: a token for each.

    It survives the logout.
    """
    token = make_token(Purpose.KNOW_DEVICE, user, user.joined_at)
    cookie = ".".join([token, *[each for each in _tokens() if each != token]][:MAX_ACCOUNTS])
    name, is_secure = current_app.config["DEVICE_COOKIE_NAME"], current_app.config["SESSION_COOKIE_SECURE"]

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(name, cookie, YEAR, secure=is_secure, httponly=True, samesite="Lax")
        return response


def record_login(user: User) -> None:
    """Audit a login, and tell the account's owner if it does not know the browser. The caller commits.

    The first login of an account is no news to anybody.
    """
    is_known = any(verify_token(Purpose.KNOW_DEVICE, user, token, None) for token in _tokens())
    is_new = user.last_login_at is not None and not is_known
    detail = NEW_DEVICE + describe_device(user_agent()) if is_new else ""
    event_id = record(Event.LOG_IN, user.id, user.email, detail)
    if is_new and user.email_confirmed_at and _is_within_quota(user):
        send_new_device_notice.enqueue(to=user.email, user_id=user.id, event_id=event_id)


def _is_within_quota(user: User) -> bool:
    """Count in the database: the account is locked, and no transaction waits for Redis."""
    most, seconds = EMAILS_TO_ONE_RECIPIENT
    mine = (OutboxRow.user_id == user.id, OutboxRow.task == send_new_device_notice.name)
    recent = select(func.count()).where(*mine, OutboxRow.created_at > now_plus(-seconds))
    return (db.session.scalar(recent) or 0) < most


@task("send_new_device_notice", "New login", samples=[sample_login(f"{NEW_DEVICE}Firefox on Windows")])
def send_new_device_notice(user_id: int, event_id: int) -> Message | None:
    """Tell an account's owner about a login, unless it is the second one of a double click."""
    user, login = find_open(user_id), db.session.get(AuditEvent, event_id)
    if user is None or login is None or db.session.scalar(_select_repeated(login)):
        return None
    return notify(
        "new_device",
        user,
        when=tell(login.at),
        device=login.detail.removeprefix(NEW_DEVICE),
        ip_address=login.ip_address or "unknown",
        link=disown_link(user, login.at),
        lifetime=lifetime(LINK_MAX_AGE),
    )


def _select_repeated(login: AuditEvent) -> Select[int]:
    same = [getattr(AuditEvent, name) == getattr(login, name) for name in ("user_id", "event", "detail", "ip_address")]
    just_before = (AuditEvent.id < login.id, AuditEvent.at > login.at - DOUBLE_CLICK)
    return select(AuditEvent.id).where(*same, *just_before).limit(1)


def _tokens() -> list[str]:
    cookie = request.cookies.get(current_app.config["DEVICE_COOKIE_NAME"], "") if has_request_context() else ""
    return re.findall("[0-9a-f]{1,8}-[0-9a-f]{64}", cookie)

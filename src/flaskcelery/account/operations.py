"""The rules of my account: what its owner may change."""

from sqlalchemy import delete, exists, select, update
from sqlalchemy.exc import IntegrityError

from flaskcelery.account.tasks import send_change_email, send_change_notice, send_farewell_email
from flaskcelery.admin.operations import keep_staff
from flaskcelery.audit.events import Event, forget_user, record
from flaskcelery.database import db, now_plus, transaction
from flaskcelery.errors import UserFacingError
from flaskcelery.outbox.models import OutboxRow, is_pending
from flaskcelery.retention import PURGED_PER_PASS, purge
from flaskcelery.users import sessions
from flaskcelery.users.models import User
from flaskcelery.users.names import EmailTaken, UsernameTaken, email_key, normalize_email, normalize_username
from flaskcelery.users.names import username_key as make_username_key
from flaskcelery.users.password_policy import PASSWORD_MAX_LENGTH
from flaskcelery.users.passwords import verify_password
from flaskcelery.users.tokens import database_now
from flaskcelery.web.rate_limits import note_guess


class WrongPassword(UserFacingError):
    """Your password was entered incorrectly. Please enter it again."""


class ChangedMeanwhile(UserFacingError):
    """Your account has changed in the meantime. Please try again."""


class SameEmail(UserFacingError):
    """This is your address already."""


def change_username(user: User, username: str) -> None:
    """Rename the account; raise InvalidName, or UsernameTaken, which the database alone decides."""
    name = normalize_username(username)
    try:
        with transaction():
            old = user.username
            renamed = update(User).where(User.id == user.id)
            db.session.execute(renamed.values(username=name, username_key=make_username_key(name)))
            record(Event.USERNAME_CHANGED, user.id, user.email, detail=f"was {old}")
    except IntegrityError:
        raise UsernameTaken from None


def end_session(user: User, session_id: int) -> None:
    """Log out one of the user's own browsers; that it is gone already is as well."""
    with transaction():
        if sessions.end_sessions(user.id, session_id=session_id):
            record(Event.SESSION_ENDED, user.id, user.email)


def end_other_sessions(user: User) -> None:
    """Log out every browser but this one."""
    with transaction():
        count = sessions.end_sessions(user.id, keep_token=user.session_token)
        record(Event.SESSION_ENDED, user.id, user.email, detail=f"{count} others")


def ask_email_change(user: User, email: str, password: str) -> None:
    """Note the new address and mail it the link that makes the change; warn the present one.

    Raises InvalidEmail, WrongPassword, SameEmail, EmailTaken or ChangedMeanwhile.
    """
    new = normalize_email(email)
    seen_hash = check_password(user, password)
    if email_key(new) == email_key(user.email):
        raise SameEmail
    if db.session.scalar(select(User.id).where(User.email_key == email_key(new))):
        raise EmailTaken
    with transaction():
        _update_seen(user, seen_hash, pending_email=new)
        send_change_email.enqueue(user_id=user.id, made_at=int(database_now().timestamp()))
        send_change_notice.enqueue(user_id=user.id)
        record(Event.EMAIL_CHANGE_ASKED, user.id, user.email)


def close_account(user: User, password: str) -> None:
    """Close the account at once and owe the mail that says so; `erase_closed` erases it after that.

    Raises WrongPassword, LastStaff or ChangedMeanwhile.
    """
    seen_hash = check_password(user, password)
    with transaction():
        keep_staff(user.id)
        _update_seen(user, seen_hash, is_active=False, closed_at=now_plus())
        sessions.end_sessions(user.id)
        send_farewell_email.enqueue(user_id=user.id)
        record(Event.ACCOUNT_CLOSED, user.id, user.email)


@purge
def erase_closed() -> int:
    """Erase some of the closed accounts to which no mail is owed any more; return how many."""
    waits = exists().where(OutboxRow.user_id == User.id, is_pending())
    with transaction():
        chosen = select(User.id).where(User.closed_at.is_not(None), ~waits).limit(PURGED_PER_PASS)
        erased = db.session.scalars(delete(User).where(User.id.in_(chosen)).returning(User.id)).all()
        for user_id in erased:
            db.session.execute(delete(OutboxRow).where(OutboxRow.user_id == user_id))
            forget_user(user_id)
            record(Event.ACCOUNT_ERASED, user_id)
    return len(erased)


def check_password(user: User, password: str) -> str:
    """Return the hash that the current password fits; raise WrongPassword, which is written down."""
    user_id, email, seen_hash = user.id, user.email, user.password_hash
    db.session.rollback()  # no transaction is open while the password is hashed
    is_right = verify_password(password[:PASSWORD_MAX_LENGTH], seen_hash) and len(password) <= PASSWORD_MAX_LENGTH
    note_guess(is_right)
    if is_right:
        return seen_hash
    with transaction():
        record(Event.PASSWORD_REFUSED, user_id, email)
    raise WrongPassword


def _update_seen(user: User, seen_hash: str, **values: object) -> None:
    """Change the account unless its password has been changed, or the account closed, since it was checked."""
    still = (User.id == user.id, User.password_hash == seen_hash, User.is_active)
    if db.session.scalar(update(User).where(*still).values(**values).returning(User.id)) is None:
        raise ChangedMeanwhile

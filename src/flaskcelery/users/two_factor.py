"""Two-factor authentication: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

import pyotp
from flask import current_app
from sqlalchemy import delete, func, select, update

from flaskcelery.audit.events import Actor, Event, count_recent, record
from flaskcelery.database import database_now, db, now_plus, transaction
from flaskcelery.errors import UserFacingError, WrongPassword
from flaskcelery.users.accounts import ChangedMeanwhile, get_actor, lock_account, must_have_totp, update_unchanged
from flaskcelery.users.emails import send_two_factor_notice
from flaskcelery.users.models import RecoveryCode, User
from flaskcelery.users.sessions import end_sessions, renew_token
from flaskcelery.users.tokens import timestamp
from flaskcelery.users.totp_secrets import UnreadableSecret, decrypt, encrypt

NEW_SECRET = "new_secret"  # noqa: S105  a key of the visitor's session
HOUR = 3600  # seconds
STEP = 30  # seconds for which an app shows a code
LABEL_LENGTH = 64  # of the email in an app: a QR code takes twice as long to draw for the longest one
DRIFT = 1  # steps that the clock of a phone can be off
RECOVERY_CODES = 10
CODES_AN_HOUR = 5  # recovery codes that can be used: each use is an email to the owner
MISREAD = str.maketrans("018", "olb")  # recovery codes have no such digits


class WrongCode(WrongPassword):
    message = "This code is wrong, has expired or has been used already."
    field = "code"


class TooManyCodes(UserFacingError):
    message = f"{CODES_AN_HOUR} recovery codes were used in the last hour. Please wait, or use a code of your app."
    field = "code"


class MustHaveTotp(UserFacingError):
    message = "Your account must have two-factor authentication. You cannot turn it off."


class NoTotp(UserFacingError):
    message = "Two-factor authentication is off."


def make_secret() -> str:
    """Return the secret of a new authenticator app, encrypted."""
    return encrypt(pyotp.random_base32())


def get_new_secret(session: MutableMapping[str, Any]) -> str:
    """Return the secret, encrypted, of the app that a visitor sets up; their session keeps it for the next request."""
    if NEW_SECRET not in session:
        session[NEW_SECRET] = make_secret()
    return str(session[NEW_SECRET])


def describe_secret(user: User, encrypted: str) -> tuple[str, str]:
    """Return the URI that an authenticator app reads from a QR code, and the secret in groups, for people who type."""
    secret, label = decrypt(encrypted), user.email[:LABEL_LENGTH]
    uri = pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=current_app.config["SITE_NAME"])
    return uri, _group(secret)


def turn_on(user: User, code: str, encrypted: str) -> list[str]:
    """Give the account the secret of its code, and return recovery codes; raise WrongCode or ChangedMeanwhile.

    Ends the other sessions: they began without a code. This one gets a new token. The caller commits.
    """
    values = {"totp_secret": encrypted, "totp_last_step": _find_step(encrypted, code), "totp_enabled_at": now_plus()}
    if user.totp_secret or not update_unchanged(user, ["password_hash", "totp_secret"], **values):
        raise ChangedMeanwhile
    user.totp_secret = encrypted
    end_sessions(user.id, keep=user.session_token, forgets_devices=False)
    if user.session_token:
        renew_token(user)
    _announce(user, Event.TOTP_ENABLED)
    return _replace_codes(user.id)


def turn_off(user: User) -> None:
    """Turn it off at the owner's request; raise MustHaveTotp, NoTotp or NoAccount. The caller commits."""
    if must_have_totp(user):
        raise MustHaveTotp
    remove(user.id, Event.TOTP_DISABLED)


def remove(user_id: int, event: Event, actor_id: int | None = None) -> None:
    """Forget the account's app and recovery codes; raise NoAccount, NoTotp or NotStaff. The caller commits."""
    user = _lock_with_totp(user_id)
    gone = {"totp_secret": None, "totp_last_step": 0, "totp_enabled_at": None}
    db.session.execute(update(User).where(User.id == user_id).values(**gone))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    _announce(user, event, get_actor(actor_id))


def renew_codes(user_id: int) -> list[str]:
    """Replace the account's recovery codes and return the new ones; raise NoAccount or NoTotp. The caller commits."""
    _announce(_lock_with_totp(user_id), Event.RECOVERY_CODES_RENEWED)
    return _replace_codes(user_id)


def count_codes(user_id: int) -> int:
    """Return how many recovery codes are left."""
    return db.session.scalar(select(func.count()).where(RecoveryCode.user_id == user_id)) or 0


def is_code(user: User, typed: str) -> bool:
    """Return whether this is a code of the account's app, right or wrong, rather than the password."""
    return user.totp_secret is not None and re.fullmatch(r"\d{6}", typed.strip()) is not None


def use_code(user: User, code: str) -> None:
    """Use up the code of the account's app; raise WrongCode or UnreadableSecret. The caller commits.

    Each time step counts once, so a code that somebody has seen is worth nothing: of simultaneous uses one succeeds.
    """
    step = _find_step(user.totp_secret or "", code)
    is_newer = (User.id == user.id, User.totp_secret == user.totp_secret, User.totp_last_step < step)
    used = update(User).where(*is_newer).values(totp_last_step=step).returning(User.id)
    if db.session.scalar(used, execution_options={"synchronize_session": False}) is None:
        raise WrongCode


def use_recovery_code(user: User, code: str) -> None:
    """Use up a recovery code, and tell the owner; raise WrongCode or TooManyCodes. The caller commits."""
    lock_account(user.id)  # simultaneous uses are counted one after the other
    mine = (RecoveryCode.user_id == user.id, RecoveryCode.code_hash == _hash(code))
    if db.session.scalar(delete(RecoveryCode).where(*mine).returning(RecoveryCode.id)) is None:
        raise WrongCode
    if count_recent(Event.RECOVERY_CODE_USED, user.id, HOUR) >= CODES_AN_HOUR:
        raise TooManyCodes
    _announce(user, Event.RECOVERY_CODE_USED, detail=f"{count_codes(user.id)} left")


def encrypt_secrets() -> int:
    """Encrypt all secrets anew with SECRET_KEY, so that its fallbacks can go; return how many could be read."""
    count = 0
    with transaction():
        for user in db.session.scalars(select(User).where(User.totp_secret.is_not(None)).with_for_update()):
            with suppress(UnreadableSecret):
                user.totp_secret = encrypt(decrypt(user.totp_secret or ""))
                count += 1
    return count


def _find_step(encrypted: str, code: str) -> int:
    """Return the present time step whose code this is, by the database's clock; raise WrongCode or UnreadableSecret."""
    totp, now = pyotp.TOTP(decrypt(encrypted)), int(database_now().timestamp()) // STEP
    typed = re.sub(r"\s", "", code).encode("utf-8", "surrogatepass")
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed):
            return step
    raise WrongCode


def _replace_codes(user_id: int) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [_group(base64.b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)]
    db.session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash(code)) for code in codes)
    return codes


def _lock_with_totp(user_id: int) -> User:
    user = lock_account(user_id)
    if user.totp_secret is None:
        raise NoTotp
    return user


def _announce(user: User, event: Event, actor: Actor | None = None, detail: str = "") -> None:
    send_two_factor_notice.enqueue(to=user.email, user_id=user.id, event=event, made_at=timestamp())
    record(event, user.id, user.email, detail, actor)


def _group(text: str) -> str:
    return "-".join(re.findall("....", text))


def _hash(code: str) -> str:
    """Return the hash of a recovery code, however it is typed. Its 80 random bits need no slow one."""
    typed = re.sub(r"[\s-]", "", code).lower().translate(MISREAD)
    return hashlib.sha256(typed.encode("utf-8", "surrogatepass")).hexdigest()

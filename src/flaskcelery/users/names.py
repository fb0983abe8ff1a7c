"""Usernames and emails: their one canonical form, and which ones are refused or taken."""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import AbstractContextManager

from email_validator import EmailNotValidError, validate_email
from flask import current_app
from sqlalchemy import select

from flaskcelery.database import db, refused_as
from flaskcelery.errors import UserFacingError
from flaskcelery.users.lookalikes import INVISIBLE, mixes_alphabets, skeleton_digest
from flaskcelery.users.models import User
from flaskcelery.web.urls import public_suffixes

USERNAME_MAX_LENGTH = 150
EMAIL_MAX_LENGTH = 254
# How many times shorter the normal form of a text can be. The work of normalizing grows with the square of its length.
NFKC_SHRINKS = 4
TAKEN = {"username": "A user with that username already exists.", "email": "This email already has an account."}


class InvalidName(UserFacingError):
    message = "Use letters, numbers and @ . + - _ only."
    field = "username"


class NameTooLong(InvalidName):
    def __init__(self, length: int) -> None:
        super().__init__(f"Ensure this value has at most {USERNAME_MAX_LENGTH} characters (it has {length}).")


class ConfusableName(InvalidName):
    message = "This username mixes alphabets whose letters look alike. Please use one alphabet."


class LookalikeName(InvalidName):
    message = "This username looks like that of another user. Please choose another one."


class WebAddressName(InvalidName):
    message = "This username looks like a web address. Please choose another one."


class InvalidEmail(UserFacingError):
    message = "Enter a valid email address."
    field = "email"


class OtherDomain(UserFacingError):
    field = "email"


class AccountTaken(UserFacingError):
    """Another account has the username, the email, or both."""

    def __init__(self, *fields: str) -> None:
        super().__init__(" ".join(TAKEN[field] for field in fields))
        self.errors = {field: TAKEN[field] for field in fields}


def make_names(username: str, email: str) -> dict[str, str]:
    """Return the columns of a username and an email; raise InvalidName or InvalidEmail."""
    return {**make_username(username), **make_email(email)}


def make_username(username: str) -> dict[str, str]:
    """Return the columns of a username; raise InvalidName."""
    name = normalize_username(username)
    return {"username": name, "username_key": username_key(name), "username_skeleton": skeleton_digest(name)}


def make_email(email: str) -> dict[str, str]:
    """Return the columns of an email; raise InvalidEmail."""
    normalized = normalize_email(email)
    return {"email": normalized, "email_key": email_key(normalized)}


def refuse_taken(names: Mapping[str, str], user_id: int | None = None) -> AbstractContextManager[None]:
    """Run a transaction that writes these names; raise AccountTaken or LookalikeName if another account has one."""
    return refused_as(lambda: _find_conflict(names, user_id))


def _find_conflict(names: Mapping[str, str], user_id: int | None) -> UserFacingError | None:
    if taken := [field for field in TAKEN if is_taken(f"{field}_key", names, user_id)]:
        return AccountTaken(*taken)
    return LookalikeName() if is_taken("username_skeleton", names, user_id) else None


def is_taken(column: str, names: Mapping[str, str | None], user_id: int | None = None) -> bool:
    """Return whether an account other than `user_id` has this name in this column."""
    is_same = getattr(User, column) == names.get(column)
    return db.session.scalar(select(User.id).where(is_same, User.id.is_distinct_from(user_id))) is not None


def normalize_username(username: str) -> str:
    """Return the form that is shown (NFKC); raise the InvalidName that says what is wrong."""
    if len(username) > NFKC_SHRINKS * USERNAME_MAX_LENGTH:
        raise NameTooLong(len(username))
    name = unicodedata.normalize("NFKC", username)
    if len(name) > USERNAME_MAX_LENGTH:
        raise NameTooLong(len(name))
    if not re.fullmatch(r"[\w.@+-]+", name) or not INVISIBLE.isdisjoint(name):
        raise InvalidName
    if mixes_alphabets(name):
        raise ConfusableName
    if _contains_host_name(name):
        raise WebAddressName
    return name


def username_key(name: str) -> str:
    """Return the key by which a username is unique: `alice`, `ALICE` and full-width `ａｌｉｃｅ` have one key."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def normalize_email(email: str) -> str:
    """Return the ASCII form to which emails are sent; raise InvalidEmail."""
    if len(email) > NFKC_SHRINKS * EMAIL_MAX_LENGTH:
        raise InvalidEmail
    try:
        found = validate_email(email, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise InvalidEmail from None
    if found.ascii_email is None or len(found.ascii_email) > EMAIL_MAX_LENGTH:
        raise InvalidEmail
    return found.ascii_email


def accept_email(email: str) -> str:
    """Return `normalize_email` of what an owner chooses; raise OtherDomain unless SIGN_UP_DOMAINS allows it."""
    normalized, domains = normalize_email(email), current_app.config["SIGN_UP_DOMAINS"]
    if domains and normalized.rpartition("@")[2] not in domains:
        raise OtherDomain(f"Please use your email at {' or '.join(domains)}.")
    return normalized


def email_key(email: str) -> str:
    """Return the key by which an email is unique: its ASCII form in lower case."""
    return email.lower()


def typed_email_key(email: str) -> str:
    """Return the key of an email as somebody typed it, or "" if it is invalid."""
    try:
        return email_key(normalize_email(email.strip()))
    except InvalidEmail:
        return ""


def _contains_host_name(name: str) -> bool:
    """Return whether an email program would turn a part of the name into a link."""
    for part in re.split(r"[@+_]", name.lower()):
        labels = [label.strip("-") for label in part.split(".") if label]
        ends = range(2, len(labels) + 1)
        if any(public_suffixes().privatesuffix(".".join(labels[:end])) for end in ends):
            return True
    return False

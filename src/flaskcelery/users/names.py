"""The one canonical form of a username and of an e-mail address, and what is refused."""

import functools
import re
import unicodedata

from confusable_homoglyphs import confusables
from email_validator import EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from flaskcelery.errors import UserFacingError

USERNAME_MAX_LENGTH = 150
EMAIL_MAX_LENGTH = 254


class InvalidName(UserFacingError):
    """Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."""


class NameTooLong(InvalidName):
    """Ensure this value has at most {0} characters (it has {1})."""


class ConfusableName(InvalidName):
    """This username mixes alphabets whose letters look alike. Please use one alphabet."""


class WebAddressName(InvalidName):
    """This username looks like a web address. Please choose another one."""


class InvalidEmail(UserFacingError):
    """Enter a valid email address."""


class UsernameTaken(UserFacingError):
    """A user with that username already exists."""


class EmailTaken(UserFacingError):
    """User with this Email already exists."""


def normalize_username(username: str) -> str:
    """Return the form that is shown (NFKC); raise the InvalidName that says what is wrong."""
    name = unicodedata.normalize("NFKC", username)
    if len(name) > USERNAME_MAX_LENGTH:
        raise NameTooLong(USERNAME_MAX_LENGTH, len(name))
    if not re.fullmatch(r"[\w.@+-]+", name):
        raise InvalidName
    if confusables.is_dangerous(name):
        raise ConfusableName
    if _holds_web_address(name):
        raise WebAddressName
    return name


def username_key(name: str) -> str:
    """Return what makes a username unique: `alice`, `ALICE` and full-width `ａｌｉｃｅ` have one key."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def normalize_email(email: str) -> str:
    """Return the ASCII form to which mail is sent; raise InvalidEmail."""
    try:
        found = validate_email(email, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise InvalidEmail from None
    if found.ascii_email is None or len(found.ascii_email) > EMAIL_MAX_LENGTH:
        raise InvalidEmail
    return found.ascii_email


def email_key(email: str) -> str:
    """Return what makes an address unique: its ASCII form in lower case."""
    return email.lower()


def _holds_web_address(name: str) -> bool:
    """Tell whether a mail program would turn a part of the name into a link."""
    for part in re.split(r"[@+_]", name.lower()):
        labels = [label.strip("-") for label in part.split(".") if label]
        ends = range(2, len(labels) + 1)
        if any(_public_suffixes().privatesuffix(".".join(labels[:end])) for end in ends):
            return True
    return False


@functools.cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)

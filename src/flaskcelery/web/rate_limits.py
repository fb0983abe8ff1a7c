"""How often a visitor can try: one table of limits, counted in Redis, or in each process while Redis is away.

A view says which limit counts it:

    @limit("sign_up")                                  every form that is sent counts
    with attempt("log_in", account=email_key): ...     only a wrong password counts
    with email_counted(email_key): ...                 every email to this recipient counts, whoever requests it
"""

import functools
import hmac
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, ParamSpec, TypeVar

from flask import current_app, request
from flask_login import current_user
from werkzeug.exceptions import TooManyRequests

from flaskcelery.errors import UserFacingError, WrongPassword
from flaskcelery.metrics import metrics
from flaskcelery.web.counters import Answers, Counters, Step
from flaskcelery.web.requests import client_ip, client_networks

MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds


@dataclass(frozen=True)
class Limit:
    """How many requests in how many seconds."""

    by_client: tuple[int, int] | None = None
    by_account: tuple[int, int] | None = None  # by one client; from everywhere, anybody could lock the owner out
    by_member: tuple[int, int] | None = None  # by one account, from everywhere, after the password if one is needed
    by_everyone: tuple[int, int] | None = None  # as by_account, but from everywhere: its owner needs another way in


LIMITS = {
    "log_in": Limit((100, HOUR), (10, 15 * MINUTE), by_member=(60, HOUR)),
    "enter_password": Limit((100, HOUR), (10, 15 * MINUTE)),
    "enter_code": Limit((100, HOUR), (10, 15 * MINUTE), by_everyone=(20, DAY)),  # else use a recovery code
    "confirm_code": Limit((100, HOUR), (10, 15 * MINUTE), by_everyone=(20, DAY)),  # else use the password
    "enter_recovery_code": Limit((100, HOUR), (10, 15 * MINUTE)),
    "set_up_code": Limit((100, HOUR), (10, 15 * MINUTE)),  # nothing to guess: the page shows the secret
    "change_two_factor": Limit((20, HOUR), by_member=(10, HOUR)),
    "sign_up": Limit((60, HOUR)),
    "request_reset": Limit((20, HOUR)),
    "resend": Limit((20, HOUR)),
    "change_email": Limit((20, HOUR), by_member=(5, HOUR)),
    "change_password": Limit((20, HOUR)),
    "new_password": Limit(by_member=(5, HOUR)),
    "change_username": Limit((20, HOUR), by_member=(5, HOUR)),
    "export": Limit(by_member=(10, HOUR)),
    "staff_email": Limit(by_member=(60, HOUR)),
}
# Of each kind, whoever requests them, so that no kind uses up another one.
EMAILS_TO_ONE_RECIPIENT = (5, HOUR)
IGNORED = {"gmail.com": ".", "proton.me": ".-_"}  # in the names of mailboxes
TWINS = {"googlemail.com": "gmail.com"} | dict.fromkeys(("protonmail.com", "protonmail.ch", "pm.me"), "proton.me")

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")


def limit(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator of a view that counts what is sent to it; too much is answered with 429."""
    if LIMITS[name].by_account:
        raise TypeError(f"{name} is limited by account: use `with attempt({name!r}, account=...)` in the view")

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def count_first(*args: P.args, **kwargs: P.kwargs) -> R:
            is_sent = request.method not in {"GET", "HEAD"}
            if is_sent and (by_client := LIMITS[name].by_client):
                _count(_by_client((name, "client"), by_client))
            if is_sent and current_user.is_authenticated:
                count_member(name, current_user.id)
            return view(*args, **kwargs)

        return count_first

    return decorate


@contextmanager
def attempt(name: str, account: object) -> Iterator[None]:
    """Count a try at an account's password or code, for good only if the block raises WrongPassword or TooManyRequests.

    A right password resets the account's count but not the client's failures: otherwise logging in to an account
    of one's own would buy more tries at others. Too many attempts are answered with 429 before the block runs.
    """
    table = LIMITS[name]
    if not (table.by_client and table.by_account):
        raise TypeError(f"{name} is not limited by account: use `@limit({name!r})` on the view")
    by_client = _by_client((name, "client"), table.by_client)
    by_account = _by_client((name, "account", str(account)), table.by_account)
    by_account += [_Counter((name, "everyone", str(account)), *most) for most in [table.by_everyone] if most]
    # The client first: one that is blocked cannot fill the storage with accounts.
    tries, forgiven = _count([*by_client, *by_account])[len(by_client)], 0
    try:
        yield
        forgiven = tries
    except (WrongPassword, TooManyRequests):  # after its member's limit, a right password costs as much as a wrong one
        raise
    except Exception as error:  # the password was right, or the failure is ours
        forgiven = tries if isinstance(error, UserFacingError) else 1
        raise
    finally:
        if forgiven:
            _add([*((counter, -forgiven) for counter in by_account), *((counter, -1) for counter in by_client)])


@contextmanager
def email_counted(email_key: str) -> Iterator[None]:
    """Count one more email to this recipient, unless the block fails; too many are answered with 429 before it runs."""
    counter = _recipient("other", email_key)
    _count([counter])
    try:
        yield
    except Exception:  # nothing is sent
        _add([(counter, -1)])
        raise


def count_staff_email(actor_id: int, *email_keys: str) -> None:
    """Count emails that a member of staff, or whoever has their cookie, causes. Commands are not counted."""
    count_member("staff_email", actor_id)
    _count([_recipient("staff", email_key) for email_key in email_keys])


def count_member(name: str, account: object, *, each_client: bool = False) -> None:
    """Count one more request of an account that has given its password; too many are answered with 429.

    `each_client` counts those of this client alone: somebody who lacks the code must not use up the owner's.
    """
    if by_member := LIMITS[name].by_member:
        of = (name, "member", str(account))
        _count(_by_client(of, by_member) if each_client else [_Counter(of, *by_member)])


def take_email_quota(kind: Literal["reset", "unconfirmed", "nobody", "resend"], recipient: str | int) -> bool:
    """Count one more email to an email_key or user id, for a page that says nothing; return whether it can be sent."""
    of_account = _Counter(("email", kind, str(recipient)), *EMAILS_TO_ONE_RECIPIENT)
    counter = of_account if isinstance(recipient, int) else _recipient(kind, recipient)
    return _add([(counter, 1)])[0][0] <= counter.most


def _recipient(kind: str, email_key: str) -> "_Counter":
    """Return the count of an email; all other spellings of its mailbox share one, and do not use up the plain one's."""
    name, _, domain = email_key.partition("@")
    name, domain = name.partition("+")[0], TWINS.get(domain, domain)
    name = name.translate(dict.fromkeys(map(ord, IGNORED.get(domain, ""))))
    mailbox = f"{name}@{domain}"
    spelling = "" if kind == "staff" or mailbox == email_key else "other"
    return _Counter(("email", kind, mailbox, spelling), *EMAILS_TO_ONE_RECIPIENT)


@dataclass(frozen=True)
class _Counter:
    """One count: of what, how many are allowed, and after how many seconds it expires."""

    of: tuple[str, ...]
    most: int
    seconds: int

    def step(self, amount: int) -> Step:
        """Return the step that adds `amount`, under a key that reveals neither an IP address nor an account."""
        text = repr(self.of).encode("utf-8", "backslashreplace")
        key = hmac.digest(current_app.config["SECRET_KEY"].encode(), text, "sha256").hex()[:32]
        return Step(key, self.seconds, amount, self.most)


def _count(counters: Sequence[_Counter]) -> list[int]:
    """Count one more in each; return how many there are, or raise TooManyRequests at the first that has too many."""
    answers = _add([(counter, 1) for counter in counters])
    for counter, (count, ends_in) in zip(counters, answers, strict=False):  # none follows one that has too many
        of, most = counter.of, counter.most
        if count == most + 1:  # log once for each block, not for each request
            logger.warning("Too many attempts: %s by %s from %s, blocked for %s s", *of[:2], client_ip(), ends_in)
        if count > most:
            metrics().limit_hits.labels(of[0]).inc()
            raise TooManyRequests(retry_after=ends_in)
    return [count for count, _ in answers]


def _add(amounts: Sequence[tuple[_Counter, int]]) -> Answers:
    """Return the new counts, which RATELIMIT_ENABLED=0 keeps at 0, and the seconds until each expires."""
    if not current_app.config["RATELIMIT_ENABLED"]:
        return [(0, 0)] * len(amounts)
    counters: Counters = current_app.extensions["limits"]
    return counters.add([counter.step(amount) for counter, amount in amounts])


def _by_client(of: tuple[str, ...], limit: tuple[int, int]) -> list[_Counter]:
    """Return the counts of the client: by IP address, or by each of its networks for IPv6."""
    most, seconds = limit
    return [_Counter((*of, client), most * times, seconds) for client, times in client_networks().items()]

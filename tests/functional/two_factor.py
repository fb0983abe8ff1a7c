"""People with an authenticator app, for the tests of two-factor authentication."""

from __future__ import annotations

from flask import Flask
from werkzeug.test import TestResponse

from tests.authenticator import Authenticator, recovery_codes_in
from tests.conftest import PASSWORD, Browser, run_sql
from tests.functional.snapshots import set_up_once
from tests.pages import csrf_token

LOG_IN = "/accounts/login/"
SET_UP, CODES, OFF = (f"/accounts/me/two-factor/{end}" for end in ("set-up/", "codes/", "off/"))
CODE, RECOVERY, SET_UP_AT_LOGIN = (f"/accounts/login/{end}/" for end in ("code", "recovery", "set-up"))


def set_up(browser: Browser, path: str = SET_UP, **fields: str) -> tuple[Authenticator, list[str]]:
    """Set an app up on this page; return it, and the recovery codes."""
    page = browser.client.get(path).text
    authenticator = Authenticator(page)
    answer = send_code(browser, path, page, authenticator.code(), **fields)
    codes = recovery_codes_in(answer.text)
    assert len(codes) == 10, answer.text
    return authenticator, codes


def send_code(browser: Browser, path: str, page: str, code: str, **fields: str) -> TestResponse:
    """Send the form of a set-up page that has been fetched."""
    data = {"csrf_token": csrf_token(page), "code": code, "password": PASSWORD, **fields}
    return browser.client.post(path, data=data)


def forget_step(app: Flask) -> None:
    """Let a code that has just been used work again, as if time had passed."""
    run_sql(app, "UPDATE users SET totp_last_step = 0")


class Person(Browser):
    """Somebody with an account and an authenticator app, in a browser that is not logged in."""

    def __init__(self, app: Flask, name: str = "alice") -> None:
        super().__init__(app.test_client())
        self.name, self.email = name, f"{name}@example.com"
        self.app, codes = set_up_once(app, self.client, f"{name} with an app", lambda: self._set_up(app))
        self.codes = list(codes)

    def _set_up(self, app: Flask) -> tuple[Authenticator, list[str]]:
        self.sign_up(self.name, self.email)
        run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
        self.log_in(self.email)
        app_and_codes = set_up(self)
        forget_step(app)
        self.log_out()
        return app_and_codes

    def log_in_with_code(self) -> Person:
        """Log in with a code of the app; return this person."""
        self.begin()
        self.send(CODE, code=self.app.code())
        return self

    def begin(self, **fields: str) -> TestResponse:
        """Send the right password."""
        answer = self.log_in(self.email, **fields)
        assert answer.status_code == 302
        return answer

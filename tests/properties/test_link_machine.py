"""Whatever is asked for, followed, changed and waited for in whatever order: a dead link of an email opens nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flaskcelery.admin import operations as staff
from flaskcelery.database import db
from tests.conftest import Browser, run_sql, send_emails
from tests.pages import csrf_token
from tests.properties.link_model import FATE, HOUR, IDLE, LIVES, OLD, Clock, Link, run_machine

BROWSERS = st.integers(0, 1)


class Links(RuleBasedStateMachine):
    """One account, two browsers, and every link that was ever mailed to it."""

    app: Flask
    clock: Clock
    number = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).number += 1
        self.clock.ahead, self.name, self.count = 0, f"user{self.number}", 0
        self.now: dict[str, Any] = dict.fromkeys(["logins", "confirmed", "pending", "previous", "changed", "forgotten"])
        self.now |= {"active": True, "password": "correct horse battery", "email": f"{self.name}@example.com"}
        self.browsers = [Browser(self.app.test_client()) for _ in range(2)]
        self.sessions: list[list[int] | None] = [None, None]  # begun, seen
        self.links: list[Link] = []
        self.browsers[0].sign_up(self.name, self.now["email"])
        self.id = run_sql(self.app, "SELECT max(id) FROM users")[0][0]
        self.read_emails()

    def fresh(self) -> int:
        """Return a number that was never used."""
        self.count += 1
        return self.count

    def read_emails(self) -> None:
        """Keep the links of all emails that are due."""
        for message in send_emails(self.app):
            for path, kind in re.findall(r"(/accounts/(?:email/)?(\w+)/\d+/\S+/)$", message.body or "", re.MULTILINE):
                if kind != "reject":  # see test_unconfirmed_accounts.py
                    self.links.append(Link(kind, path, self.clock.ahead, self.state(kind)))

    def state(self, kind: str) -> tuple[Any, ...]:
        """Return what a link of this kind depends on."""
        return tuple(self.now[name] for name in FATE[kind])

    def is_good(self, link: Link) -> bool:
        """Tell whether the link should work."""
        is_young = self.clock.ahead - link.made < LIVES[link.kind]
        return is_young and self.now["active"] and link.state == self.state(link.kind)

    def is_open(self, who: int) -> bool:
        """Tell whether the browser should be logged in."""
        session = self.sessions[who]
        return bool(session and self.clock.ahead - session[0] < OLD and self.clock.ahead - session[1] < IDLE)

    def end_sessions(self, but: int | None = None) -> None:
        """Expect all sessions to be over, but perhaps this browser's; else all browsers are forgotten, too."""
        self.now["forgotten"] = self.fresh() if but is None else self.now["forgotten"]
        self.sessions = [session if who == but else None for who, session in enumerate(self.sessions)]

    @rule(who=BROWSERS)
    def log_in(self, who: int) -> None:
        """Log in."""
        worked = self.browsers[who].log_in(self.now["email"], self.now["password"] or "void").status_code == 302
        assert worked == (self.now["active"] and self.now["password"] is not None)
        if worked:
            self.now["logins"], self.sessions[who] = self.fresh(), [self.clock.ahead, self.clock.ahead]
            self.read_emails()

    @precondition(lambda self: self.is_open(0))
    @rule()
    def change_password(self) -> None:
        """Choose another password; every other browser is logged out."""
        new = f"brass kettle number {self.fresh()}"
        fields = {"old_password": self.now["password"], "new_password1": new, "new_password2": new}
        assert self.browsers[0].send("/accounts/password_change/", **fields).status_code == 302
        self.now["password"] = new
        self.end_sessions(but=0)

    @rule()
    def ask_reset(self) -> None:
        """Forget the password."""
        Browser(self.app.test_client()).send("/accounts/password_reset/", email=self.now["email"])
        self.read_emails()

    @rule()
    def ask_confirmation(self) -> None:
        """Ask for another link that confirms the address."""
        Browser(self.app.test_client()).send("/accounts/email/resend/", email=self.now["email"])
        self.read_emails()

    @precondition(lambda self: self.is_open(0))
    @rule()
    def ask_change(self) -> None:
        """Ask for another address."""
        new = f"{self.name}.{self.fresh()}@example.com"
        fields = {"email": new, "password": self.now["password"]}
        assert self.browsers[0].send("/accounts/me/email/", **fields).status_code == 302
        self.now["pending"] = new
        self.read_emails()

    @rule(active=st.booleans())
    def set_active(self, active: bool) -> None:
        """Lock the account out, or let it in again."""
        with self.app.app_context():
            staff.set_active(self.id, active)
            db.session.remove()
        self.now["active"] = active
        self.end_sessions()

    @rule(hours=st.sampled_from([0.5, 1, 11, 13, 24 * 6, 24 * 8]))
    def pass_time(self, hours: float) -> None:
        """Let hours go by."""
        self.clock.ahead += int(hours * HOUR) + 2

    @precondition(lambda self: self.links)
    @rule(who=BROWSERS, number=st.integers(0, 50), knows=st.booleans())
    def follow(self, who: int, number: int, knows: bool) -> None:
        """Follow any link that was ever mailed, the last ones more often, and type the password if it is known."""
        link = self.links[-1 - number % min(len(self.links), 8)]
        browser = Browser(self.app.test_client()) if link.kind == "reset" else self.browsers[who]
        path, new = link.path, f"brass kettle number {self.fresh()}"
        if link.kind == "reset":
            browser.client.get(path)
            path = f"/accounts/reset/{self.id}/set-password/"
        fields = {"new_password1": new, "new_password2": new}
        fields["csrf_token"] = csrf_token(browser.client.get("/accounts/login/", follow_redirects=True).text)
        fields |= {"password": self.now["password"]} if knows and self.now["password"] else {}
        worked = browser.client.post(path, data=fields).status_code == 302
        is_allowed = link.kind not in {"confirm", "change"} or "password" in fields or self.is_open(who)
        assert worked == (self.is_good(link) and is_allowed), link
        if worked:
            getattr(self, f"did_{link.kind}")(who, new)
            self.read_emails()

    def did_reset(self, _who: int, new: str) -> None:
        """Expect a new password, and that the address is confirmed."""
        self.now |= {"password": new, "confirmed": self.now["confirmed"] or self.fresh()}
        self.end_sessions()

    def did_confirm(self, _who: int, _new: str) -> None:
        """Expect the address to be confirmed."""
        self.now["confirmed"] = self.fresh()

    def did_change(self, who: int, _new: str) -> None:
        """Expect the new address; the old one may undo it, or the one before."""
        now, changed = self.now, self.now["changed"]
        is_recent = changed and self.clock.ahead - changed[1] < LIVES["undo"]
        before = now["previous"] if is_recent and now["previous"] else now["email"] if now["confirmed"] else None
        now |= {"email": now["pending"], "pending": None, "previous": before, "confirmed": self.fresh()}
        now["changed"] = (self.fresh(), self.clock.ahead)
        self.end_sessions(but=who if self.is_open(who) else None)

    def did_undo(self, _who: int, _new: str) -> None:
        """Expect the old address back, and no password."""
        self.now |= {"email": self.now["previous"], "confirmed": self.fresh()}
        self.now |= dict.fromkeys(["pending", "previous", "changed", "password"])
        self.end_sessions()

    def did_disown(self, _who: int, _new: str) -> None:
        """Expect no password."""
        self.now |= dict.fromkeys(["pending", "password"])
        self.end_sessions()

    @invariant()
    def all_is_as_expected(self) -> None:
        """Ask each browser for the home page, the database for the address, and some links for their pages."""
        assert run_sql(self.app, f"SELECT email FROM users WHERE id = {self.id}") == [(self.now["email"],)]
        for who, browser in enumerate(self.browsers):
            assert browser.is_logged_in() == self.is_open(who)
            if session := self.sessions[who]:
                session[1] = self.clock.ahead if self.is_open(who) else session[1]
        for link in self.links[-5:]:
            page = self.app.test_client().get(link.path)
            assert (page.status_code == 302 or 'method="post"' in page.text) == self.is_good(link), link


@pytest.mark.requirement(15)
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_no_order_of_events_makes_a_dead_link_work_or_a_good_one_fail(environ: dict[str, str]) -> None:
    run_machine(Links, environ, 20)

"""Whatever people, thieves, operators and time do in whatever order: a session is open exactly as long as it should."""

from __future__ import annotations

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from flaskcelery.app import create_app
from flaskcelery.database import db, transaction
from flaskcelery.users.sessions import end_sessions
from tests.conftest import Browser, close

HOURS = {False: (12, 14 * 24), True: (30 * 24, 90 * 24)}  # idle and in all, by whether the visitor is remembered
BROWSERS = st.integers(0, 2)


class Session:
    """What the machine expects of one login session."""

    def __init__(self, remembered: bool) -> None:
        self.idle_left, self.left = HOURS[remembered]
        self.idle = self.idle_left

    def is_live(self) -> bool:
        """Tell whether it has neither ended nor been left alone for too long."""
        return self.idle_left > 0 and self.left > 0


class Sessions(RuleBasedStateMachine):
    """One account, three browsers."""

    app: Flask

    def __init__(self) -> None:
        super().__init__()
        self.run("DELETE FROM login_sessions")
        self.run("UPDATE users SET is_active = 1")
        self.browsers = [Browser(self.app.test_client()) for _ in range(3)]
        self.held: list[Session | None] = [None] * 3  # by browser; a copied cookie shares its session
        self.active = True

    def run(self, statement: str) -> None:
        """Run one statement on the database, as an operator would."""
        with self.app.app_context(), db.engine.begin() as connection:
            connection.execute(text(statement))

    def end(self, ended: Session | None) -> None:
        """Expect a session to be over."""
        if ended:
            ended.left = 0

    @rule(who=BROWSERS, remember=st.booleans())
    def log_in(self, who: int, remember: bool) -> None:
        """Log in, over whatever session the browser has."""
        answer = self.browsers[who].log_in(**({"remember": "y"} if remember else {}))
        assert answer.status_code == (302 if self.active else 200)
        if self.active:
            self.end(self.held[who])
            self.held[who] = Session(remember)

    @rule(who=BROWSERS)
    def fail_to_log_in(self, who: int) -> None:
        """Type a wrong password, which changes nothing."""
        assert self.browsers[who].log_in(password="wrong password").status_code == 200

    @rule(who=BROWSERS)
    def log_out(self, who: int) -> None:
        """Press the button, if the page has one."""
        if self.browsers[who].is_logged_in():
            self.browsers[who].log_out()
            self.end(self.held[who])

    @rule(thief=BROWSERS, owner=BROWSERS)
    def copy_cookie(self, thief: int, owner: int) -> None:
        """Take over another browser's cookie."""
        cookie = self.browsers[owner].client.get_cookie("session")
        if cookie:
            self.browsers[thief].client.set_cookie("session", cookie.value)
            self.held[thief] = self.held[owner]

    @rule(active=st.booleans())
    def set_active(self, active: bool) -> None:
        """Deactivate the account, or bring it back."""
        self.run(f"UPDATE users SET is_active = {int(active)}")
        self.active = active

    @precondition(lambda self: any(self.held))
    @rule(who=BROWSERS)
    def end_others(self, who: int) -> None:
        """End all sessions but this browser's."""
        with self.browsers[who].client.session_transaction() as cookie:
            token = cookie.get("_user_id")
        with self.app.app_context(), transaction():
            end_sessions(1, keep=token)
        for session in self.held:
            if session is not self.held[who]:
                self.end(session)

    @rule(hours=st.sampled_from([1, 11, 13, 24 * 15, 24 * 31, 24 * 91]))
    def pass_time(self, hours: int) -> None:
        """Let hours go by: what the rows remember moves into the past."""
        for column in ("created_at", "last_seen_at", "expires_at"):
            earlier = f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{hours} hours')"
            self.run(f"UPDATE login_sessions SET {column} = {earlier}")
        for session in {session for session in self.held if session}:
            session.idle_left -= hours
            session.left -= hours

    @invariant()
    def exactly_the_live_ones_are_open(self) -> None:
        """Ask each browser for the home page."""
        live = [session is not None and session.is_live() and self.active for session in self.held]
        assert [browser.is_logged_in() for browser in self.browsers] == live
        for session, is_open in zip(self.held, live, strict=True):
            if session and is_open:
                session.idle_left = session.idle  # it has just been used


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_no_order_of_events_opens_a_dead_session_or_closes_a_live_one(environ: dict[str, str]) -> None:
    app = create_app(environ)
    Browser(app.test_client()).sign_up()
    bounded = settings(
        max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(type("Machine", (Sessions,), {"app": app}), settings=bounded)
    close(app)

"""The site that browsers open: nginx, uWSGI, worker and relay, with Postgres, Redis and an SMTP server."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import psycopg
import pyotp
from flask import Flask
from playwright.sync_api import BrowserContext
from sqlalchemy import text, update

from flaskcelery.admin.operations import create_user
from flaskcelery.app import create_app
from flaskcelery.database import db
from flaskcelery.users.models import User
from flaskcelery.users.passwords import hasher
from flaskcelery.users.tokens import Purpose, database_now, make_token
from flaskcelery.users.two_factor import describe_secret, make_secret
from tests.browser.sample import email_of, write_sample
from tests.integration.complete import CompleteStack
from tests.integration.stack import UWSGI_INI
from tests.integration.visitor import PASSWORD, Visitor
from tests.processes import Process, wait_until

CODE = "/accounts/login/code/"
HALFWAY = ("half", "recruit")  # give only the password when they log in


class Site(CompleteStack):
    """The running application, who is in it, and the emails that it sends."""

    app: Flask

    @property
    def url(self) -> str:
        """Return the address of the home page, without the slash at its end."""
        return self.settings["PUBLIC_URL"]

    def id_of(self, name: str) -> int:
        """Return the id of a person's account."""
        return int(self.query("SELECT id FROM users WHERE email = :email", email=email_of(name))[0][0])

    def log_in(self, context: BrowserContext, name: str) -> None:
        """Log a browser in as this person."""
        visitor = self.visitor()
        visitor.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36"
        answer = visitor.log_in(email_of(name))
        assert answer.status == HTTPStatus.FOUND
        if answer.headers["Location"] == CODE and name not in HALFWAY:
            self.enter_code(visitor, name)
        context.add_cookies([{"name": key, "value": value, "url": self.url} for key, value in visitor.cookies.items()])

    def enter_code(self, visitor: Visitor, name: str) -> None:
        """Finish the login of a person with an authenticator app."""
        with self.app.test_request_context(base_url=self.url):
            user = db.session.get_one(User, self.id_of(name))
            _, secret = describe_secret(user, user.totp_secret or "")
            user.totp_last_step = 0  # another login may just have used the code
            db.session.commit()
            db.session.remove()
        visitor.get(CODE)
        assert visitor.post(CODE, code=pyotp.TOTP(secret.replace("-", "")).now()).status == HTTPStatus.FOUND

    def pass_ten_minutes(self) -> None:
        """Let ten minutes pass since anybody gave their password."""
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE login_sessions SET confirmed_at = confirmed_at - interval '10 minutes'"))

    def path_of_link(self, purpose: Purpose, name: str) -> str:
        """Return the path of a link as an email would bring it to this person now."""
        with self.app.test_request_context(base_url=self.url):
            user = db.session.get_one(User, self.id_of(name))
            token = make_token(purpose, user, database_now())
            db.session.remove()
        action = purpose.value.partition("-")[0]
        start = "/accounts/reset" if purpose is Purpose.RESET_PASSWORD else f"/accounts/email/{action}"
        return f"{start}/{user.id}/{token}/"

    def link_in_email(self, address: str, part: str) -> str:
        """Wait for an email to this address with a link that has this in its path; return the latest such link."""
        link = re.compile(rf"{re.escape(self.url)}/\S*{part}\S*")

        def find() -> list[str]:
            emails = [each for each in self.smtp_server.emails() if each["To"] == address]
            return [each for email in emails for each in link.findall(email.get_body(("plain",)).get_content())]

        wait_until(find, 30, f"a link with {part} for {address}")
        return find()[-1]

    def start_uwsgi(self, ini: str = UWSGI_INI, **settings: str) -> Process:
        """Start uWSGI, and keep it to stop it."""
        self.uwsgi = super().start_uwsgi(ini, **settings)
        return self.uwsgi

    @contextmanager
    def without_web(self) -> Iterator[None]:
        """Leave nginx alone meanwhile."""
        self.uwsgi.kill()
        try:
            yield
        finally:
            self.start_uwsgi()

    @contextmanager
    def without_table(self, name: str) -> Iterator[None]:
        """Rename a table meanwhile: whatever needs it fails, and it is our fault."""
        with self.engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {name} RENAME TO away"))
        try:
            yield
        finally:
            with self.engine.begin() as connection:
                connection.execute(text(f"ALTER TABLE away RENAME TO {name}"))

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """Let nobody into the database meanwhile."""
        server, _, name = self.settings["DATABASE_URL"].rpartition("/")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            try:
                admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
                yield
            finally:
                admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@contextmanager
def run_site(folder: Path, sample: bool = True, **settings: str) -> Iterator[Site]:
    """Run the whole site, with sample data or empty."""
    with ExitStack() as exits:
        site = Site.with_servers(folder, exits, "site", **settings)
        site.app = create_app(site.settings)
        if sample:
            write_sample(site.app)
        site.start_all()
        yield site
        with site.app.app_context(), suppress(RuntimeError):
            db.engine.dispose()


@contextmanager
def run_fresh_site(folder: Path) -> Iterator[Site]:
    """Run a site where an email has to be confirmed before the first login, with staff and an unconfirmed account.

    Staff need an authenticator app.
    """
    with run_site(folder, sample=False, EMAIL_CONFIRMATION_REQUIRED="1", REQUIRE_TOTP="staff") as site:
        site.sign_up("newcomer")
        with site.app.app_context():
            for name in ("boss", "recruit"):
                create_user(name, email_of(name), "staff", password_hash=hasher().hash(PASSWORD))
            db.session.execute(update(User).where(User.username == "boss").values(totp_secret=make_secret()))
            db.session.commit()
            db.session.remove()
        yield site

"""What the machine of takeovers plays with: people with browsers and mailboxes, and the account with its emails."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from flask import Flask

from tests.conftest import PASSWORD, Browser, run_sql, send_emails

LINK = re.compile(r"(/accounts/(?:email/)?(\w+)/(\d+)/\S+/)$", re.MULTILINE)
numbers = itertools.count(1)


@dataclass
class Link:
    """A link in an email: to whom, what for, and where it leads."""

    to: str
    kind: str
    path: str


@dataclass
class Person:
    """Somebody with a browser, who reads all mailboxes of some domains and knows some passwords."""

    scene: Scene
    name: str
    passwords: list[str]
    reads: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.browser = self.scene.new_browser()
        self.domain = f"{self.name}.example.com"
        self.reads.add(self.domain)

    def log_in(self) -> bool:
        """Try every known password, the last one first; return whether one fits."""
        email = self.scene.email()
        return any(self.browser.log_in(email, password).status_code == 302 for password in self.passwords[::-1])

    def change_password(self, number: int) -> bool:
        """Choose a password that nobody else knows."""
        new = f"brass kettle number {number}"
        if not self._send("/accounts/password_change/", "old_password", new_password1=new, new_password2=new):
            return False
        self.passwords.append(new)
        return True

    def ask_change(self, email: str, is_lost: bool) -> bool:
        """Ask for another email."""
        box = {"is_mailbox_lost": "y"} if is_lost else {}
        return self._send("/accounts/me/email/", "password", email=email, **box)

    def ask_reset(self, email: str) -> None:
        """Ask for a reset link; anybody can."""
        self.scene.new_browser().send("/accounts/password_reset/", email=email)

    def delete(self) -> bool:
        """Delete the account."""
        return self._send("/accounts/me/delete/", "password")

    def follow(self, link: Link, number: int = 0) -> bool:
        """Do what the link allows, with this browser or, for a reset, with a fresh one; return whether it worked."""
        if link.kind != "reset":
            return self._send(link.path, "password", needs_login=False)
        new, other = f"brass kettle number {number}", self.scene.new_browser()
        form = other.client.get(link.path).location
        if not form or other.send(form, new_password1=new, new_password2=new).status_code != 302:
            return False
        self.passwords.append(new)
        return True

    def _send(self, path: str, name: str, needs_login: bool = True, **fields: str) -> bool:
        """Send a form with each known password, after a login if need be; return whether one was taken."""
        if needs_login and not self.browser.is_logged_in() and not self.log_in():
            return False
        passwords = self.passwords[::-1]
        return any(self.browser.send(path, **fields, **{name: each}).status_code == 302 for each in passwords)


class Scene:
    """An account, and every link that was ever sent because of it."""

    def __init__(self, app: Flask) -> None:
        self.app, self.number, self.links = app, next(numbers), list[Link]()
        self.first_email = f"first{self.number}@example.com"

    def sign_up(self) -> Person:
        """Open the account and confirm its email; return its owner."""
        owner = Person(self, "owner", [PASSWORD])
        owner.browser.sign_up(f"user{self.number}", self.first_email)
        self.id = run_sql(self.app, "SELECT max(id) FROM users")[0][0]
        owner.log_in()
        owner.reads.add("example.com")
        assert owner.follow(self.links_for(owner)[0])
        owner.reads.remove("example.com")
        return owner

    def new_browser(self) -> Browser:
        """Return a browser without cookies."""
        return Browser(self.app.test_client())

    def fresh(self) -> int:
        """Return a number that was never used."""
        return next(numbers)

    def email(self) -> str:
        """Return the account's present email."""
        return str(run_sql(self.app, f"SELECT email FROM users WHERE id = {self.id}")[0][0])

    def squat(self) -> None:
        """Sign up with the email that can undo the last change, if there is one."""
        [(email,)] = run_sql(self.app, f"SELECT previous_email FROM users WHERE id = {self.id}")
        if email:
            self.new_browser().sign_up(f"squatter{self.fresh()}", email)

    def is_open(self) -> bool:
        """Tell whether the account is neither closed nor locked."""
        return run_sql(self.app, f"SELECT is_active, closed_at FROM users WHERE id = {self.id}") == [(1, None)]

    def send_emails(self) -> None:
        """Send what is due, and keep the links."""
        for message in send_emails(self.app):
            for path, kind, user_id in LINK.findall(message.body or ""):
                if kind != "reject" and int(user_id) == self.id:  # some are left over from earlier scenes
                    self.links.append(Link(message.recipients[0], kind, path))

    def links_for(self, person: Person) -> list[Link]:
        """Return the links that this person reads, the last one last."""
        self.send_emails()
        return [link for link in self.links if link.to.rpartition("@")[2] in person.reads]

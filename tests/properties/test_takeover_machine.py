"""Owner and thief change, undo, reset, delete and wait in whatever order: the account stays with its owner.

A thief of the password: within seven days of the first thing that the thief changes, the owner's mailbox alone, with a
password that the owner knows, brings the account back and leaves the thief nothing. A thief of the mailbox: once the
owner has left it and said that it is lost, the thief gets nowhere.
"""

from __future__ import annotations

import pytest
from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conftest import PASSWORD
from tests.properties.link_model import HOUR, Clock, run_machine
from tests.properties.takeover_model import Person, Scene

WEEK = 7 * 24 * HOUR
WHO = st.sampled_from(["thief", "thief", "owner"])


class Takeover(RuleBasedStateMachine):
    """One account, its owner, and a thief who knows its password or reads its mailbox."""

    app: Flask
    clock: Clock

    @initialize(loot=st.sampled_from(["password", "mailbox"]))
    def steal(self, loot: str) -> None:
        self.clock.ahead, self.loot = 0, loot
        self.scene = Scene(self.app)
        self.owner = self.scene.sign_up()
        self.thief = Person(self.scene, "thief", [PASSWORD] if loot == "password" else ["a guess"])
        # Everybody reads the addresses of their own domain; the account's first one is at example.com.
        (self.thief if loot == "mailbox" else self.owner).reads.add("example.com")
        self.harmed_at: int | None = None
        if loot == "mailbox":  # before the owner leaves it, it is as good as the account
            assert self.owner.ask_change(f"{self.scene.fresh()}@{self.owner.domain}", is_lost=True)
            assert self.owner.follow(self.scene.links_for(self.owner)[-1])

    def person(self, who: str) -> Person:
        return self.owner if who == "owner" else self.thief

    def is_owners(self) -> bool:
        """Tell whether the account's present mailbox is one that the owner reads."""
        return self.scene.email().rpartition("@")[2] in self.owner.reads

    def is_in_time(self) -> bool:
        return self.harmed_at is None or self.clock.ahead - self.harmed_at < WEEK - 60

    def note(self, who: str) -> None:
        """Remember when the thief has changed something, and when the owner has taken that back."""
        if who == "thief":
            self.harmed_at = self.clock.ahead if self.harmed_at is None else self.harmed_at
        elif self.is_owners() and self.is_in_time():
            self.harmed_at = None

    @rule(who=WHO)
    def change_password(self, who: str) -> None:
        if self.person(who).change_password(self.scene.fresh()):
            self.note(who)

    @rule(who=WHO, is_lost=st.booleans(), number=st.integers(0, 1))
    def change_email(self, who: str, is_lost: bool, number: int) -> None:
        """Ask for a new address, then follow the last link, or the one before."""
        person = self.person(who)
        was_taken = person.ask_change(f"{self.scene.fresh()}@{person.domain}", is_lost)
        assert was_taken or is_lost or not person.browser.is_logged_in()
        self.follow(who, number)

    @precondition(lambda self: self.loot == "password")
    @rule()
    def go_back_to_the_old_mailbox(self) -> None:
        self.owner.ask_change(self.scene.first_email, is_lost=False)
        self.follow("owner", 0)

    @precondition(lambda self: self.loot == "password" and self.harmed_at is None)
    @rule()
    def steal_the_password_again(self) -> None:
        self.thief.passwords.append(self.owner.passwords[-1])

    @rule(who=WHO)
    def ask_reset(self, who: str) -> None:
        self.person(who).ask_reset(self.scene.email())

    @rule(who=WHO, number=st.integers(0, 3))
    def follow(self, who: str, number: int) -> None:
        """Follow one of the last links in the person's mailboxes, with every password that they know."""
        person = self.person(who)
        links = self.scene.links_for(person)
        if not links:
            return
        link = links[-1 - number % len(links)]
        if person.follow(link, self.scene.fresh()):
            self.note(who)
            if link.kind == "undo" and who == "owner":
                self.thief_is_out()

    @rule(who=WHO)
    def delete(self, who: str) -> None:
        """Nobody can delete the account while the thief has its address and the owner has time to undo that."""
        if self.loot == "password" and not self.is_owners() and self.is_in_time():
            assert not self.person(who).delete()

    @precondition(lambda self: not self.is_owners())
    @rule()
    def squat(self) -> None:
        """The thief opens another account with the address that the owner needs for the undo."""
        self.scene.squat()

    @rule(hours=st.sampled_from([1, 24, 24 * 3, 24 * 3, 24 * 8]))
    def pass_time(self, hours: int) -> None:
        self.scene.send_emails()
        self.clock.ahead += hours * HOUR + 2

    def recover(self) -> None:
        """The owner does what the emails say, and has the account for good, even if the thief squats at last."""
        self.scene.squat()
        for link in reversed(self.scene.links_for(self.owner)):
            if not self.is_owners() and link.kind == "undo":
                self.owner.follow(link)
        assert self.is_owners()
        self.owner.ask_reset(self.scene.email())
        reset = next(link for link in reversed(self.scene.links_for(self.owner)) if link.kind == "reset")
        assert self.owner.follow(reset, self.scene.fresh())
        assert self.owner.log_in()
        self.thief_is_out()
        for link in self.scene.links_for(self.thief):
            assert not self.thief.follow(link, self.scene.fresh()), link
        self.harmed_at = None

    def teardown(self) -> None:
        if hasattr(self, "harmed_at") and self.is_in_time():
            self.recover()

    def thief_is_out(self) -> None:
        assert not self.thief.browser.is_logged_in()
        assert not self.thief.log_in()

    @invariant()
    def a_thief_of_the_mailbox_gets_nowhere(self) -> None:
        assert self.scene.is_open()
        if self.loot == "mailbox":
            assert self.is_owners()
            assert not self.thief.browser.is_logged_in()


@pytest.mark.requirement(62)
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_no_order_of_events_gives_the_account_to_a_thief(environ: dict[str, str]) -> None:
    run_machine(Takeover, environ, 25)

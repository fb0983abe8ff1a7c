"""What an operator does with accounts and sessions at a terminal."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from tests.conftest import PASSWORD, Browser, events, link_in, run_sql, send_emails

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Return what runs `flask` with words, keys typed and variables set."""

    def call(*words: str, typed: str = "", **environ: str) -> Result:
        return app.test_cli_runner().invoke(args=words, input=typed, env=environ)

    return call


def read(result: Result) -> Any:
    """Return what a command printed as JSON."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.defect("D8")
def test_creating_staff_by_command_works(run: Run, app: Flask, auth: Browser) -> None:
    result = run("users", "create", "--staff", typed=f"ann\nann@example.com\n{PASSWORD}\n{PASSWORD}\n")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "ann can log in.")
    assert PASSWORD not in result.output
    shown = read(run("users", "show", "ANN@example.com", "--json"))
    assert (shown["username"], shown["role"], shown["state"]) == ("ann", "staff", "active")
    auth.log_in("ann@example.com")
    assert auth.is_logged_in()
    assert auth.client.get("/admin/users/").status_code == 200
    assert send_emails(app) == []
    assert events(app)[0] == "created by staff"


def test_prompts_ask_again_until_the_answer_is_good(run: Run) -> None:
    typed = [
        "not a name!",
        "ann",
        "nowhere",
        "ann@example.com",
        "short",
        "short",
        "n",
        PASSWORD,
        "other",
        PASSWORD,
        PASSWORD,
    ]
    result = run("users", "create", typed="\n".join([*typed, ""]))
    assert result.exit_code == 0, result.output
    for sentence in (
        "Use letters, numbers and @ . + - _ only.",
        "Enter a valid email address.",
        "This password is too short.",
        "Use this password anyway? [y/N]",
        "ann can log in.",
    ):
        assert sentence in result.output
    assert read(run("users", "show", "ann", "--json"))["role"] == "user"


def test_a_bad_password_is_taken_if_somebody_at_the_terminal_insists(run: Run, auth: Browser) -> None:
    assert run("users", "create", typed="ann\nann@example.com\n1234\n1234\ny\n").exit_code == 0
    auth.log_in("ann@example.com", "1234")
    assert auth.is_logged_in()


def test_without_a_password_its_owner_is_sent_a_link(run: Run, app: Flask) -> None:
    result = run("users", "create", "--noinput", "--username", "ann", "--email", "ann@example.com")
    assert result.output == "ann@example.com is sent a link to choose a password.\n"
    [message] = send_emails(app)
    assert link_in(message)


def test_a_script_names_all_in_its_environment_or_a_file(run: Run, auth: Browser) -> None:
    names = {"FLASKCELERY_USER_USERNAME": "ann", "FLASKCELERY_USER_EMAIL": "ann@example.com"}
    weak = run("users", "create", "--noinput", **names, FLASKCELERY_USER_PASSWORD="1234")
    assert (weak.exit_code, "too short" in weak.output) == (1, True)
    assert run("users", "create", "--noinput").exit_code == 2
    assert run("users", "create", "--noinput", **names, FLASKCELERY_USER_PASSWORD=PASSWORD).exit_code == 0
    again = run("users", "create", "--noinput", **names, FLASKCELERY_USER_PASSWORD=PASSWORD)
    assert (again.exit_code, "A user with that username already exists" in again.output) == (1, True)
    other = "another good horse"
    assert run("users", "set-password", "ann", "--password-file", "-", typed=f"{other}\n").exit_code == 0
    auth.log_in("ann@example.com", other)
    assert auth.is_logged_in()


def test_a_new_password_ends_the_sessions_and_its_owner_is_told(run: Run, app: Flask, auth: Browser) -> None:
    auth.sign_up()
    auth.log_in()
    auth.send(link_in(send_emails(app)[0]))
    other = "another good horse"
    assert run("users", "set-password", "alice", typed=f"{other}\n{other}\n").exit_code == 0
    assert not auth.is_logged_in()
    assert [message.task for message in send_emails(app)] == ["send_password_changed_email"]
    assert events(app)[-1] == "password set by staff"
    run("users", "deactivate", "alice")
    refused = run("users", "set-password", "alice", "--noinput", FLASKCELERY_USER_PASSWORD=PASSWORD)
    assert (refused.exit_code, "locked out" in refused.output) == (1, True)
    assert run("users", "set-password", "alice", "--noinput").exit_code == 2


def test_a_weak_new_password_is_taken_if_somebody_at_the_terminal_insists(run: Run, auth: Browser) -> None:
    auth.sign_up()
    result = run("users", "set-password", "alice", typed="1234\n1234\ny\n")
    assert "Use this password anyway? [y/N]" in result.output
    auth.log_in(password="1234")
    assert auth.is_logged_in()


@pytest.mark.parametrize("who", ["ann@müller.de", "Ann@MÜLLER.de", "ann@xn--mller-kva.de", "ann"])
def test_an_account_is_found_by_its_email_however_the_domain_is_written(run: Run, auth: Browser, who: str) -> None:
    auth.sign_up("ann", "ann@müller.de")
    assert read(run("users", "show", who, "--json"))["email"] == "ann@xn--mller-kva.de"
    assert [user["username"] for user in read(run("users", "list", "--search", who, "--json"))] == ["ann"]


def test_an_account_is_found_by_an_email_that_our_rules_no_longer_take(run: Run, app: Flask, auth: Browser) -> None:
    auth.sign_up()
    run_sql(app, "UPDATE users SET email = 'Root@localhost', email_key = 'root@localhost'")
    assert read(run("users", "show", "Root@localhost", "--json"))["username"] == "alice"


def test_a_username_that_looks_like_an_address_is_nobodys_address(run: Run, auth: Browser) -> None:
    auth.sign_up("chief@corp.lan", "impostor@example.com")
    refused = run("users", "promote", "chief@corp.lan")
    assert (refused.exit_code, "there is no such account" in refused.output) == (1, True)


def test_accounts_are_locked_promoted_and_deleted_but_never_the_last_staff(run: Run, app: Flask, auth: Browser) -> None:
    auth.sign_up()
    auth.log_in()
    assert run("users", "deactivate", "alice@example.com").output == "alice is locked out.\n"
    assert not auth.is_logged_in()
    assert run("users", "activate", "alice").exit_code == 0
    assert run("users", "promote", "alice").exit_code == 1
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    for words, role in ((["promote", "--viewer"], "viewer"), (["promote"], "staff")):
        assert run("users", *words, "alice").output == f"alice is {role}, and has to log in again.\n"
        assert [user["role"] for user in read(run("users", "list", "--json"))] == [role]
    for action in ("demote", "deactivate", "delete"):
        refused = run("users", action, "alice", *(["--yes"] if action == "delete" else []))
        assert (refused.exit_code, "last active member of staff" in refused.output) == (1, True)
    auth.sign_up("bob", "bob@example.com")
    assert read(run("users", "list", "--role", "staff", "--search", "ALI", "--json"))[0]["username"] == "alice"
    assert read(run("users", "list", "--search", "%", "--json")) == []
    assert run("users", "delete", "bob", typed="n\n").exit_code == 1
    assert run("users", "delete", "bob", typed="y\n").exit_code == 0
    assert run_sql(app, "SELECT username FROM users") == [("alice",)]
    assert "alice" in run("users", "list").output
    for action in ("show", "activate", "demote", "set-password"):
        missing = run("users", action, "bob")
        assert (missing.exit_code, "there is no such account" in missing.output) == (1, True)


def test_sessions_are_listed_and_ended(run: Run, app: Flask, auth: Browser) -> None:
    auth.sign_up()
    auth.log_in()
    other = Browser(app.test_client())
    other.log_in()
    found = read(run("sessions", "list", "alice", "--json"))
    assert [row["username"] for row in found] == ["alice", "alice"]
    assert "token" not in str(found)
    assert len(run("sessions", "list").output.splitlines()) == 1 + 2
    assert run("sessions", "end", "alice", "--id", str(found[-1]["id"])).output == "1 ended\n"
    assert sorted([auth.is_logged_in(), other.is_logged_in()]) == [False, True]
    assert run("sessions", "end", "alice", "--id", "99").exit_code == 1
    assert run("sessions", "end", "alice").output == "1 ended\n"
    assert not auth.is_logged_in()
    assert not other.is_logged_in()


def test_every_command_has_a_help_that_shows_how_it_is_called(app: Flask) -> None:
    groups = [app.cli.commands[name] for name in ("users", "sessions", "outbox", "mail")]
    for group in groups:
        for command in group.commands.values():  # type: ignore[attr-defined]
            assert f"flask {group.name} {command.name}" in (command.help or ""), command.name
    for name in ("check", "config"):
        assert f"flask {name}" in (app.cli.commands[name].help or "")

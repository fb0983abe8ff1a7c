"""Who can sign up: everybody, people with an email at certain domains, or only those whom staff invite."""

from __future__ import annotations

import pytest

from tests.conftest import PASSWORD, Browser, MakeApp, link_in, run_sql, send_emails
from tests.functional.conftest import Member
from tests.pages import csrf_token, errors_of

SIGN_UP = "/accounts/signup/"
MODES = {mode: f'data-note="sign-up-{mode}"' for mode in ("invite", "closed")}
DOMAINS = {"SIGN_UP_DOMAINS": "example.com, Straße.example"}


@pytest.mark.requirement(90)
@pytest.mark.parametrize("mode", MODES)
def test_while_it_is_not_open_nobody_signs_up_and_the_page_says_why(make_app: MakeApp, mode: str) -> None:
    app = make_app(SIGN_UP=mode)
    browser = Browser(app.test_client())
    token = csrf_token(browser.client.get("/accounts/login/").text)
    fields = {"username": "alice", "email": "alice@example.com", "password1": PASSWORD, "password2": PASSWORD}
    answers = (browser.client.get(SIGN_UP), browser.client.post(SIGN_UP, data={"csrf_token": token, **fields}))
    for answer in answers:
        assert (answer.status_code, MODES[mode] in answer.text) == (403, True)
        assert 'href="/accounts/login/"' in answer.text.partition("<main")[2]
        assert "<form" not in answer.text
    assert run_sql(app, "SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize("mode", MODES)
def test_while_it_is_not_open_no_page_offers_it(make_app: MakeApp, mode: str) -> None:
    client = make_app(SIGN_UP=mode).test_client()
    for path in ("/", "/accounts/login/", "/accounts/password_reset/", SIGN_UP, "/nowhere/"):
        page = client.get(path).text
        assert SIGN_UP not in page
        assert 'href="/accounts/login/"' in page
    assert all(MODES[mode] in client.get(path).text for path in ("/", "/accounts/login/"))


@pytest.mark.requirement(90)
@pytest.mark.parametrize("mode", MODES)
def test_whom_staff_invite_gets_in_while_it_is_not_open(make_app: MakeApp, mode: str) -> None:
    staff, app = Member(make_app(), "sue", "staff"), make_app(SIGN_UP=mode)
    send_emails(app)
    sue, bob = Browser(app.test_client()), Browser(app.test_client())
    sue.log_in(staff.email)
    sue.send("/admin/users/action/add/", username="bob", email="bob@elsewhere.example")
    answer = app.test_cli_runner().invoke(
        args=["users", "create", "--noinput", "--username", "eve", "--email", "eve@elsewhere.example"]
    )
    assert answer.exit_code == 0
    invitations = {message.recipients[0]: message for message in send_emails(app)}
    assert invitations.keys() == {"bob@elsewhere.example", "eve@elsewhere.example"}
    form = bob.client.get(link_in(invitations["bob@elsewhere.example"])).location
    bob.send(form, new_password1=PASSWORD, new_password2=PASSWORD)
    bob.log_in("bob@elsewhere.example")
    assert bob.is_logged_in()


@pytest.mark.requirement(91)
@pytest.mark.parametrize("email", ["al@example.com", "al@EXAMPLE.com", "al@straße.example", "al@xn--strae-oqa.example"])
def test_an_email_at_a_listed_domain_signs_up(make_app: MakeApp, email: str) -> None:
    assert Browser(make_app(**DOMAINS).test_client()).sign_up(email=email).status_code == 302


@pytest.mark.requirement(91)
@pytest.mark.parametrize(
    "email", ["al@example.org", "al@sub.example.com", "al@example.com.evil.org", '"al@example.com"@evil.org']
)
def test_another_email_is_refused_in_words_and_costs_nobody_an_email(make_app: MakeApp, email: str) -> None:
    app = make_app(**DOMAINS)
    [error] = errors_of(Browser(app.test_client()).sign_up(email=email).text, "email")
    assert error in {"Please use your email at example.com or xn--strae-oqa.example.", "Enter a valid email address."}
    assert run_sql(app, "SELECT count(*) FROM users") == [(0,)]


@pytest.mark.requirement(91)
def test_an_owner_changes_the_email_only_to_a_listed_domain(make_app: MakeApp) -> None:
    app = make_app(**DOMAINS)
    alice = Member(app, "alice")
    [error] = errors_of(alice.send("/accounts/me/email/", email="alice@example.org").text, "email")
    assert error.startswith("Please use your email at example.com")
    assert run_sql(app, "SELECT pending_email FROM users") == [(None,)]
    assert alice.send("/accounts/me/email/", email="al@straße.example").status_code == 302


def test_staff_and_commands_add_people_of_any_domain(make_app: MakeApp) -> None:
    app = make_app(**DOMAINS)
    arguments = ["users", "create", "--noinput", "--username", "eve", "--email", "eve@elsewhere.example"]
    assert app.test_cli_runner().invoke(args=arguments).exit_code == 0

"""Every page of the site in every state that looks different. A new page gets a line here."""

from collections.abc import Callable

from playwright.sync_api import Page

from flaskcelery.signup.forms import MIN_SECONDS
from flaskcelery.users.tokens import Purpose
from tests.browser.confirmation_states import CONFIRMATION
from tests.browser.error_states import ERRORS
from tests.browser.sample import BUSY
from tests.browser.site import Site
from tests.browser.state import State
from tests.browser.two_factor_states import SET_UP_AT_LOGIN, TWO_FACTOR
from tests.integration.visitor import LOG_IN, PASSWORD, SIGN_UP

ID_OF_ALICE = "SELECT id FROM users WHERE email = 'alice@example.com'"
ME, ADMIN = "/accounts/me/", "/admin/"
WRONG = "not the password at all"
SHORT = {"new_password1": "short", "new_password2": "other"}
BLANK_NEW = {"new_password1": "", "new_password2": ""}


def link(purpose: Purpose, name: str) -> Callable[[Site], str]:
    """Return a function that makes the path of a link in an email to this person."""
    return lambda site: site.path_of_link(purpose, name)


def row(kind: str, of: str, start: str = ADMIN) -> Callable[[Site], str]:
    """Return a function that finds the page of a row; `of` is the rest of the query after FROM."""
    return lambda site: f"{start}{kind}/{site.query(f'SELECT id FROM {of} ORDER BY id LIMIT 1')[0][0]}/"


def user(name: str, end: str = "") -> Callable[[Site], str]:
    """Return a function that finds the admin's page of a person."""
    return lambda site: f"{ADMIN}users/{site.id_of(name)}/{end}"


def wait_as_people_do(page: Page) -> None:
    """Wait until a form does not count as a bot's."""
    page.wait_for_timeout(1000 * MIN_SECONDS)


PUBLIC = [
    State("home", "/"),
    State("sign-up", SIGN_UP),
    State("sign-up, blank", SIGN_UP, fields={"username": "", "email": "", "password1": "", "password2": ""}),
    State(
        "sign-up, wrong",
        SIGN_UP,
        fields={"username": "no spaces please", "email": "nobody", "password1": "1234", "password2": "4321"},
    ),
    State(
        "sign-up, taken",
        SIGN_UP,
        fields={
            "username": "alice",
            "email": "alice@example.com",
            "password1": "a quite good one",
            "password2": "a quite good one",
        },
        before_sending=wait_as_people_do,
    ),
    State("login", LOG_IN),
    State("login, blank", LOG_IN, fields={"username": "", "password": ""}),
    State("login, wrong", LOG_IN, fields={"username": "alice@example.com", "password": WRONG}),
    State("login, asked for", ME),
    State("reset", "/accounts/password_reset/"),
    State("reset, blank", "/accounts/password_reset/", fields={"email": ""}),
    State("reset, wrong", "/accounts/password_reset/", fields={"email": "nobody"}),
    State("reset, sent", "/accounts/password_reset/", fields={"email": "nobody@example.com"}),
    State("reset link", link(Purpose.RESET_PASSWORD, "quiet")),
    State("reset link, blank", link(Purpose.RESET_PASSWORD, "quiet"), fields=BLANK_NEW),
    State("reset link, wrong", link(Purpose.RESET_PASSWORD, "quiet"), fields=SHORT),
    State("reset link, dead", "/accounts/reset/3/1-abc/"),
    State("reset, done", "/accounts/reset/done/"),
    State("resend", "/accounts/email/resend/"),
    State("resend, wrong", "/accounts/email/resend/", fields={"email": "nobody"}),
    State("resend, sent", "/accounts/email/resend/", fields={"email": "nobody@example.com"}),
    State("confirm", link(Purpose.CONFIRM_EMAIL, "newcomer")),
    State("confirm, blank", link(Purpose.CONFIRM_EMAIL, "newcomer"), fields={"password": ""}),
    State("confirm, wrong", link(Purpose.CONFIRM_EMAIL, "newcomer"), fields={"password": WRONG}),
    State("confirm, owner", link(Purpose.CONFIRM_EMAIL, "newcomer"), "newcomer"),
    State("reject", link(Purpose.REJECT_SIGN_UP, "newcomer")),
    State("change", link(Purpose.CHANGE_EMAIL, "moving")),
    State("change, wrong", link(Purpose.CHANGE_EMAIL, "moving"), fields={"password": WRONG}),
    State("change, owner", link(Purpose.CHANGE_EMAIL, "moving"), "moving"),
    State("undo", link(Purpose.UNDO_EMAIL, "moving")),
    State("disown", link(Purpose.DISOWN_LOGIN, "alice")),
    State("disown, long name", link(Purpose.DISOWN_LOGIN, "longest")),
    State("email link, dead", "/accounts/email/confirm/3/1-abc/"),
]
ACCOUNT = [
    State("home, member", "/", "alice"),
    State("home, unconfirmed", "/", "newcomer"),
    State("home, long name", "/", "longest"),
    State("home, right to left", "/", "rtl"),
    State("account", ME, "alice"),
    State("account, unconfirmed", ME, "newcomer"),
    State("account, email on the move", ME, "moving"),
    State("account, many rows", ME, BUSY),
    State("account, no rows", ME, "quiet"),
    State("account, long name", ME, "longest"),
    State("account, right to left", ME, "rtl"),
    State("account, message", f"{ME}username/", "quiet", {"username": "quiet"}),
    State("username", f"{ME}username/", "alice"),
    State("username, blank", f"{ME}username/", "alice", {"username": ""}),
    State("username, long name", f"{ME}username/", "longest"),
    State("email", f"{ME}email/", "alice"),
    State("email, long name", f"{ME}email/", "longest"),
    State("email, blank", f"{ME}email/", "alice", {"email": ""}),
    State("email, wrong", f"{ME}email/", "alice", {"email": "alice@example.com"}),
    State("delete", f"{ME}delete/", "alice"),
    State("delete, long name", f"{ME}delete/", "longest"),
    State("job", row("jobs", f"outbox WHERE done_at IS NOT NULL AND user_id = ({ID_OF_ALICE})", ME), "alice"),
    State("password", "/accounts/password_change/", "alice"),
    State("password, blank", "/accounts/password_change/", "alice", {"old_password": "", **BLANK_NEW}),
    State("password, wrong", "/accounts/password_change/", BUSY, {"old_password": PASSWORD, **SHORT}),
]
STAFF = [
    State("dashboard", ADMIN, "boss"),
    State("dashboard, viewer", ADMIN, "viewer"),
    *[State(name, f"{ADMIN}{name}/", "boss") for name in ("users", "emails", "sessions", "audit")],
    *[State(f"{name}, nothing", f"{ADMIN}{name}/?q=zzz", "boss") for name in ("users", "emails", "sessions", "audit")],
    *[State(f"{name}, next page", f"{ADMIN}{name}/?page=2", "boss") for name in ("users", "sessions", "audit")],
    *[State(f"{name}, widest", f"{ADMIN}{name}/?q={q}", "boss") for name, q in (("sessions", "xxx"), ("audit", "ddd"))],
    State("users, viewer", f"{ADMIN}users/", "viewer"),
    State("users, sorted", f"{ADMIN}users/?sort=email&page=2", "boss"),
    State("users, last page", f"{ADMIN}users/?page=99", "boss"),
    State("users, long name", f"{ADMIN}users/?q=wwwwww", "boss"),
    State("emails, failed", f"{ADMIN}emails/?state=failed", "boss"),
    State("user", user("alice"), "boss"),
    State("user, viewer", user("alice"), "viewer"),
    State("user, long name", user("longest"), "boss"),
    State("user, right to left", user("rtl"), "boss"),
    State("user, locked out", user("locked"), "boss"),
    State("staff", user("boss"), "boss"),
    State("add", f"{ADMIN}users/action/add/", "boss"),
    State("add, blank", f"{ADMIN}users/action/add/", "boss", {"username": "", "email": ""}),
    State("edit", user("alice", "action/edit/"), "boss"),
    State("edit, long name", user("longest", "action/edit/"), "boss"),
    State("edit, taken", user("alice", "action/edit/"), "boss", {"username": "quiet", "email": "nobody"}),
    State("give back", user("alice", "action/give-back/"), "boss"),
    State("edit, message", user("locked", "action/edit/"), "boss", {"username": "locked"}),
    State("delete user", user("alice", "action/delete/"), "boss"),
    State("delete user, long name", user("longest", "action/delete/"), "boss"),
    State("email row, failed", row("emails", "outbox WHERE failed_at IS NOT NULL"), "boss"),
    State("email row, sent", row("emails", "outbox WHERE done_at IS NOT NULL"), "boss"),
    State("session row", row("sessions", "login_sessions WHERE device LIKE 'xxx%'"), "boss"),
    State("audit row", row("audit", "audit_events WHERE detail LIKE 'ddd%'"), "boss"),
    State("row, missing", f"{ADMIN}users/99999999/", "boss", status=404),
]
DEVELOPMENT = [
    State("emails in development", "/dev/emails/"),
    State("email in development", "/dev/emails/send_welcome_email/0/"),
]
STATES = [*PUBLIC, *ACCOUNT, *TWO_FACTOR, *CONFIRMATION, *STAFF, *DEVELOPMENT, *ERRORS]
# On a site without people, where an email has to be confirmed before the first login.
FRESH = [
    State("dashboard, empty", ADMIN, "boss"),
    *[State(f"{name}, empty", f"{ADMIN}{name}/", "boss") for name in ("users", "emails", "sessions", "audit", "jobs")],
    *SET_UP_AT_LOGIN,
    State("login, unconfirmed", LOG_IN, fields={"username": "newcomer@example.com", "password": PASSWORD}),
    State(
        "signed up, to be confirmed",
        SIGN_UP,
        fields={
            "username": "somebody",
            "email": "somebody@example.com",
            "password1": "a quite good one",
            "password2": "a quite good one",
        },
        before_sending=wait_as_people_do,
    ),
]
# Rules of the URL map that a state comes to by a form or a redirect.
LED_TO = {
    "/accounts/password_reset/done/": "reset, sent",
    "/accounts/reset/<id:user_id>/set-password/": "reset link",
    "/accounts/email/resend/done/": "resend, sent",
}
# Rules of the URL map that no state shows, and why.
NOT_PAGES = {
    "/healthz": "answers monitors",
    "/readyz": "answers monitors",
    "/metrics": "answers Prometheus, and not through nginx",
    "/static/<path:filename>": "files",
    "/robots.txt": "text for search engines",
    "/favicon.ico": "leads to the icon",
    "/.well-known/change-password": "leads password managers to the page",
    "/dev/emails/<name>/<int:number>/html": "an email: see the tests of emails",
}

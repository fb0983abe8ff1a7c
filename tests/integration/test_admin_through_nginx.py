"""The admin from outside: no spelling of a path, after nginx has normalized it, opens a page to others."""

import pytest
from sqlalchemy import text

from tests.integration.stack import Stack
from tests.integration.visitor import Answer, Visitor

CLOSED = {302, 308, 400, 403, 404, 405}
SPELLINGS = [
    "/admin/",
    "/admin",
    "/ADMIN/",
    "//admin/",
    "/admin//users/",
    "/admin/users",
    "/admin/users/1",
    "/admin/../admin/users/",
    "/static/../admin/users/",
    "/static/%2e%2e/admin/users/",
    "/accounts/..%2fadmin/users/",
    "/%61dmin/users/",
    "/admin/%2e/users/",
    "/admin;/users/",
    "/admin/users/?/static/",
    "/admin/users/1/action/delete/",
    "/admin/users/action/add/",
]


def follow(visitor: Visitor, path: str) -> Answer:
    """Fetch a page, where the right spelling of its address leads to."""
    answer = visitor.get(path)
    return follow(visitor, answer.headers["Location"]) if answer.status in {301, 308} else answer


@pytest.mark.requirement(31)
def test_no_spelling_of_an_address_opens_the_pages_to_others_than_staff(site: Stack) -> None:
    nobody, user, staff = site.visitor(), site.visitor(), site.visitor()
    for visitor, name in ((user, "alice"), (staff, "sue")):
        visitor.sign_up(name)
        with site.engine.begin() as connection:
            connection.execute(text("UPDATE users SET is_staff = true WHERE username = 'sue'"))
        visitor.log_in(f"{name}@example.com")
    assert staff.get("/admin/users/").status == 200
    users = site.count("users")
    for visitor in (nobody, user):
        for path in SPELLINGS:
            for answer in (follow(visitor, path), visitor.post(path)):
                assert answer.status in CLOSED, path
                assert "Audit trail" not in answer.text, path
    assert site.count("users") == users

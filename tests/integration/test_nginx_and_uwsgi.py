"""What nginx does before the application is asked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.stack import Stack
from tests.integration.visitor import SIGN_UP
from tests.pages import DEAD
from tests.processes import wait_until


@pytest.mark.requirement(13)
def test_nginx_knows_its_own_host_and_keeps_large_bodies_out(site: Stack) -> None:
    """A foreign host gets no answer at all, a large body no way in, and static files come from disk."""
    visitor = site.visitor()
    with pytest.raises(ConnectionResetError):
        visitor.get("/", Host="evil.example")
    with pytest.raises(ConnectionResetError):
        visitor.get(f"http://evil.example{SIGN_UP}")
    assert visitor.get(f"http://localhost{SIGN_UP}", Host="evil.example").status == 400

    visitor.get(SIGN_UP)
    assert visitor.post(SIGN_UP, username="x" * 65 * 1024).status == 413
    style = visitor.get("/static/site.css")
    assert (style.status, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "ETag" in style.headers
    assert visitor.get(SIGN_UP, Cookie="session=" + "x" * 7000).status == 200
    largest = {f"X-Header-{number}": "x" * 8000 for number in range(3)}
    assert visitor.get("/" + "x" * 8000, **largest).status == 404


def test_the_application_sees_the_host_with_its_port(site: Stack) -> None:
    """Debian's uwsgi_params drop it; redirects and the check of a form's origin need it."""
    answer = site.visitor().get("/accounts/login")
    assert (answer.status, answer.headers["Location"]) == (308, f"{site.settings['PUBLIC_URL']}/accounts/login/")


def test_who_is_being_served_is_answered_before_uwsgi_stops(make_stack: Callable[..., Stack]) -> None:
    """SIGTERM, as a service manager sends it, comes while a sign-up waits for its turn to write."""
    stack = make_stack()
    web = stack.start_web()
    visitor = stack.visitor()
    visitor.get(SIGN_UP)
    with ThreadPoolExecutor(1) as pool, stack.engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        answer = pool.submit(visitor.sign_up, "patient")
        with pytest.raises(TimeoutError):
            answer.result(0.5)
        web.popen.terminate()
        web.wait_for_text("Gracefully killing worker 1")
        other.exec_driver_sql("COMMIT")
    assert answer.result().status == 302
    assert web.popen.wait(30) == 0


@pytest.mark.requirement(47)
def test_the_token_of_a_link_is_in_no_log(site: Stack) -> None:
    """Whoever reads logs could else reset passwords."""
    token = f"6f00abcd-{'0123456789abcdef' * 4}"
    answer = site.visitor().get(f"/accounts/reset/1/{token}/?next=1")
    assert DEAD in answer.text
    wait_until(lambda: "/accounts/reset/1/..." in site.read_logs(), 30, "the request's line")
    assert token not in site.read_logs()
    assert token[9:] not in site.read_logs()

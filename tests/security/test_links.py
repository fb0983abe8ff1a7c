"""Rows 10, 15, 16 and 35: the link of a forgotten password."""

import re
import statistics
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.visitor import PASSWORD, Answer, Visitor
from tests.pages import DEAD
from tests.processes import wait_until
from tests.security.conftest import Site

ASK = "/accounts/password_reset/"
NEW = "brass kettle forty"
RIVALS = 20


def ask(stack: Site, name: str) -> str:
    """Ask for a link; return its path."""

    def send() -> None:
        visitor = stack.visitor()
        visitor.get(ASK)
        assert visitor.post(ASK, email=f"{name}@example.com").status == 302

    return stack.link_mailed(f"{name}@example.com", send, "/accounts/reset/")


def follow(visitor: Visitor, link: str, password: str = NEW) -> Answer:
    """Open a link and fill in the form behind it."""
    page = visitor.get(link)
    if page.status == 200:
        return page
    visitor.get(page.headers["Location"])
    return visitor.post(page.headers["Location"], new_password1=password, new_password2=password)


def strip(answer: Answer) -> tuple[int, str, list[str]]:
    """Return what an answer says, without what differs from one to the next in any case."""
    kept = [name for name in answer.headers if name not in {"Set-Cookie"}]
    return answer.status, re.sub(r'value="[^"]*"', "", answer.text), kept


def compare(stack: Site, known: list[str], record: Callable[[str], None]) -> None:
    """Ask for known and unknown addresses in turns; they must look and cost the same."""
    visitor = stack.visitor()
    visitor.get(ASK)
    answers: dict[bool, list[Answer]] = {True: [], False: []}
    for number, name in enumerate(known):
        if number % 15 == 0:
            visitor = stack.visitor()
            visitor.get(ASK)
        for is_known in (True, False) if number % 2 else (False, True):
            email = f"{name if is_known else f'nobody{number}'}@example.com"
            answers[is_known].append(visitor.post(ASK, email=email))
            if number % 10 == 9:
                visitor = stack.visitor()
                visitor.get(ASK)
    assert len({str(strip(answer)) for some in answers.values() for answer in some}) == 1
    medians = {who: statistics.median(one.seconds for one in some) for who, some in answers.items()}
    record(f"median {medians[True] * 1000:.1f} ms known, {medians[False] * 1000:.1f} ms unknown")
    assert abs(medians[True] - medians[False]) < 0.02


@pytest.mark.requirement(10)
def test_a_reset_tells_nobody_who_has_an_account(stack: Site, record: Callable[[str], None]) -> None:
    """The figures to 2 ms are made by benchmarks/uniform_answers.py, on a quiet machine."""
    compare(stack, [stack.member()[0] for _ in range(20)], record)


@pytest.mark.requirement(10)
def test_nor_does_it_while_redis_is_away(stack: Site, record: Callable[[str], None]) -> None:
    known = [stack.member()[0] for _ in range(20)]
    stack.redis.refuse()
    try:
        compare(stack, known, record)
    finally:
        stack.redis.heal()
    stack.wait_until_processed(60)


@pytest.mark.requirement(15)
def test_of_twenty_uses_of_one_link_at_once_exactly_one_succeeds(stack: Site) -> None:
    name, _ = stack.member()
    link = ask(stack, name)
    rivals = [stack.visitor() for _ in range(RIVALS)]
    forms = {rival.get(link).headers["Location"] for rival in rivals}
    [form] = forms
    for rival in rivals:
        rival.get(form)
    line = threading.Barrier(RIVALS)

    def use(number: int) -> Answer:
        line.wait(30)
        both = dict.fromkeys(("new_password1", "new_password2"), f"brass kettle number {number}")
        return rivals[number].post(form, **both)

    with ThreadPoolExecutor(RIVALS) as pool:
        answers = list(pool.map(use, range(RIVALS)))
    assert sorted(answer.status for answer in answers) == [200] * (RIVALS - 1) + [302]
    assert sum(DEAD in answer.text for answer in answers) == RIVALS - 1
    winner = [answer.status for answer in answers].index(302)
    assert stack.visitor().log_in(f"{name}@example.com", f"brass kettle number {winner}").status == 302
    assert DEAD in follow(stack.visitor(), link).text


@pytest.mark.requirement(15)
def test_a_link_lives_an_hour_of_the_databases_clock(stack: Site) -> None:
    name, _ = stack.member()
    link = ask(stack, name)
    visitor = stack.visitor()
    form = visitor.get(link).headers["Location"]
    visitor.get(form)
    with stack.later(minutes=59):
        assert visitor.get(link).status == 302
    with stack.later(hours=1, seconds=2):
        assert DEAD in visitor.get(link).text
        assert DEAD in visitor.post(form, new_password1=NEW, new_password2=NEW).text
    assert follow(visitor, link).status == 302


@pytest.mark.requirement(15)
def test_a_link_is_for_one_account_and_dies_with_its_password(stack: Site) -> None:
    (mallory, _), (victim, (browser,)) = stack.member(), stack.member()
    ids = {name: stack.id_of(name) for name in (mallory, victim)}
    stolen = ask(stack, mallory).replace(f"/{ids[mallory]}/", f"/{ids[victim]}/")
    assert DEAD in follow(stack.visitor(), stolen).text
    visitor = stack.visitor()  # which holds a good token, of another account
    visitor.get(ask(stack, mallory))
    assert DEAD in visitor.get(f"/accounts/reset/{ids[victim]}/set-password/").text

    link = ask(stack, victim)
    browser.get("/accounts/password_change/")
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert browser.post("/accounts/password_change/", **fields).status == 302
    assert DEAD in follow(stack.visitor(), link).text


@pytest.mark.requirement(15, 47)
def test_nothing_that_is_kept_holds_a_token_or_a_password(stack: Site) -> None:
    name, (browser,) = stack.member()
    link, new = ask(stack, name), "a password like no other 4711"
    follow(stack.visitor(), link, new)
    browser.log_in(f"{name}@example.com", new)
    stack.wait_until_processed()
    kept = stack.dump()
    assert f"{name}@example.com" in kept
    secrets = [link.split("/")[-2].partition("-")[2], new, PASSWORD, *browser.cookies.values()]
    assert [secret for secret in secrets if secret in kept] == []


@pytest.mark.requirement(16)
def test_a_reset_logs_nobody_in_and_tells_the_owner(stack: Site) -> None:
    name, _ = stack.member()
    visitor, link, seen = stack.visitor(), ask(stack, name), len(stack.smtp_server.raw)
    pages = [visitor.get(link)]
    pages.append(visitor.get(pages[0].headers["Location"]))
    assert {page.headers["Referrer-Policy"] for page in pages} == {"same-origin"}
    assert link.split("/")[-2] not in pages[1].text
    assert follow(visitor, link).status == 302
    assert not visitor.is_logged_in()
    wait_until(lambda: len(stack.smtp_server.raw) > seen, 30, "the email that tells")
    [message] = stack.smtp_server.emails()[seen:]
    assert (message["To"], message["Subject"]) == (f"{name}@example.com", "Your password at flaskcelery was changed")


@pytest.mark.requirement(35)
def test_the_email_goes_to_the_stored_address(stack: Site) -> None:
    name, _ = stack.member()
    visitor, address = stack.visitor(), f"{name}@example.com"
    for typed in (address.upper(), f" {name}@EXAMPLE.com", f"{name}@example．com"):
        visitor.get(ASK)
        assert stack.link_mailed(address, lambda typed=typed: visitor.post(ASK, email=typed))  # type: ignore[misc]
    for other in (
        f"{name}@ехample.com",
        f"{name}@example.com,mallory@example.com",
        f"{name}@example.com\r\nBcc: m@x.y",
    ):
        visitor.get(ASK)
        visitor.post(ASK, email=other)
    stack.wait_until_processed()
    assert {to for to in stack.smtp_server.recipients() if name in to} == {address}
    assert not any("Bcc" in message or "Cc" in message for message in stack.smtp_server.emails())

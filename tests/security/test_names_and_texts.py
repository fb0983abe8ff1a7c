"""Rows 34 and 38, and what can be tried of row 39: names that deceive, and texts that want to be more than text."""

import time

import pytest
from flask import Flask

from flaskcelery.admin import operations as staff
from tests.integration.visitor import LOG_IN, PASSWORD, SIGN_UP
from tests.security.conftest import Site

MARKUP = "<svg/onload=alert(1)>{{7*191919}}${7*191919}<script>alert(1)</script>"
SQL = ["' OR 1=1 --", "'; SELECT pg_sleep(5) --", "1) OR pg_sleep(5) IS NULL --", "\\'; DROP TABLE users; --"]


@pytest.mark.requirement(34)
def test_names_that_look_the_same_are_taken_or_refused(stack: Site) -> None:
    assert stack.visitor().sign_up("goldfinch").status == 302
    taken = ["GOLDFINCH", "ｇｏｌｄｆｉｎｃｈ", "goldﬁnch", " goldfinch ", "goldfinch\u2003"]
    alike = ["go1dfinch", "GoIdfinch", "ɡoldfinch", "goldfınch", "g0ldfinch"]
    mixed = ["gоldfinch", "ｇoldfinсh"]
    invalid = ["goldfinch\u200b", "goldfi\u00adnch", "gold finch", "goldfinch\u202e"]
    invalid += ["gold\u1160finch", "goldfinch\u3164"]
    answers = {
        "already exists": taken,
        "looks like that of another": alike,
        "mixes alphabets": mixed,
        "Use letters, numbers": invalid,
    }
    for sentence, names in answers.items():
        for number, name in enumerate(names):
            answer = stack.visitor().sign_up(name, f"impostor{number}@example.com")
            assert answer.status == 200, name
            assert sentence in answer.text, name
    assert stack.count("users WHERE username_key LIKE 'gold%' OR email LIKE 'impostor%'") == 1


@pytest.mark.requirement(38)
def test_what_somebody_typed_is_text_for_everybody_and_in_emails(stack: Site, app: Flask) -> None:
    name, (member,) = stack.member()
    boss, (chief,) = stack.member()
    with stack.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET email_confirmed_at = joined_at WHERE username = %s", (boss,))
    with app.app_context():
        staff.set_role(stack.id_of(boss), "staff")
    chief.log_in(f"{boss}@example.com")
    member.headers = {"User-Agent": MARKUP, "Referer": f"{stack.settings['PUBLIC_URL']}/{MARKUP}"}
    member.log_in(f"{name}@example.com")
    email = f"{{{{7*191919}}}}{name}@example.com"  # a good address
    with stack.engine.begin() as connection:  # past the rules of names
        values = {"name": MARKUP + name, "key": name, "email": email}
        connection.exec_driver_sql(
            "UPDATE users SET username = %(name)s, email = %(email)s, email_key = %(email)s WHERE username = %(key)s",
            values,
        )
    row = stack.id_of(MARKUP + name)
    pages = [member.get(path) for path in ("/", "/accounts/me/", "/accounts/me/delete/", f"/accounts/me/{MARKUP[:9]}")]
    pages += [chief.get(path) for path in ("/admin/", "/admin/users/", f"/admin/users/{row}/", "/admin/events/")]
    pages.append(chief.get("/admin/users/?q=%3Csvg/onload=alert(1)%3E%7B%7B7*7%7D%7D"))
    seen = len(stack.smtp_server.raw)
    stack.link_mailed(email, lambda: (member.get("/"), member.post("/accounts/email/resend/", email=email)))
    emails = [message.get_body(("html",)).get_content() for message in stack.smtp_server.emails()[seen:]]
    texts = [page.text for page in pages] + emails
    assert sum("svg/onload" in text for text in texts) >= 4
    for text in texts:
        assert "<svg/" not in text
        assert "<script" not in text
        assert "1343433" not in text
    assert sum("{{7*191919}}" in text for text in texts) >= 4


@pytest.mark.flaky
@pytest.mark.requirement(39)
@pytest.mark.parametrize("text", SQL)
def test_a_text_is_never_a_query(stack: Site, text: str) -> None:
    visitor, started = stack.visitor(), time.monotonic()
    password = f"{text} {PASSWORD}"  # no part of the path below, which nginx logs
    answers = [visitor.log_in(text, password), visitor.log_in(f"alice@example.com{text}", PASSWORD)]
    visitor.get(SIGN_UP)
    answers.append(visitor.sign_up(f"bobby{text}", f"bobby{text}@example.com", password))
    answers.append(stack.visitor({"session": text}).get(f"{LOG_IN}?next={text.replace(' ', '%20')}"))
    answers.append(visitor.get(f"/accounts/reset/1{text.replace(' ', '%20')}/x/"))
    assert {answer.status for answer in answers} <= {200, 404}
    assert time.monotonic() - started < 4
    assert stack.count("users WHERE username = 'alice'") == 1

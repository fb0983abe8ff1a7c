"""Every email of the application: what all of them have in common, and the pages that show them in development."""

from __future__ import annotations

import inspect
import os
import re
import secrets
from collections.abc import Iterator
from html import unescape
from unittest.mock import Mock

import pytest
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.config.derived import JOBS_QUEUE
from flaskcelery.dev.views import find_previews, render
from flaskcelery.mail.message import Message, compose
from flaskcelery.outbox.tasks import TASKS, OutboxTask
from tests.conftest import close, run_sql

SAMPLES = [(name, number) for name, task in TASKS.items() for number in range(len(task.samples))]
HREF = re.compile(r'href="([^"]*)"')
LINK = re.compile(r":\n\n(http\S+)\n")  # in the text part, below its label
STARTER = ("flaskcelery.users.", "flaskcelery.signup.")  # modules whose emails link to this site only
STYLE = re.compile(r'style="([^"]*)"')
RULE = re.compile(r"(\.\w+) { ([^}]*) }")
PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": secrets.token_hex(32),
    "PUBLIC_URL": "https://example.com",
    "MAIL_SERVER": "localhost",
    "MAIL_DEFAULT_SENDER": "shop@acme.dev",
    "ARGON2_PARAMETERS": "",
}


@pytest.fixture(params=SAMPLES, ids=lambda sample: f"{sample[0]}-{sample[1]}")
def message(app: Flask, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Message:
    """Return each email of the application in turn."""
    name, number = request.param
    find = Mock(wraps=app.jinja_env.get_template)
    monkeypatch.setattr(app.jinja_env, "get_template", find)
    with app.test_request_context():
        message = render(TASKS[name], number)
    assert message, f"{name} sends nothing for sample {number}"
    print(f"{find.call_args_list[0].args[0]}, with the subject: {message.subject}")  # shown if a test fails
    return message


@pytest.fixture
def add_task() -> Iterator[None]:
    """Let a test add tasks."""
    before = dict(TASKS)
    yield
    TASKS.clear()
    TASKS.update(before)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, such as #ffffff, as WCAG defines it."""
    lights = []
    for colour in (one, other):
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
    return max(lights) / min(lights)


def declared(style: str) -> dict[str, str]:
    """Return the properties of a style attribute or a rule."""
    pairs = (part.split(":", 1) for part in style.replace(" !important", "").split(";"))
    return {name.strip(): value.strip() for name, value in pairs}


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.queue != JOBS_QUEUE])
def test_every_email_has_a_sample(name: str) -> None:
    where = inspect.getsourcefile(TASKS[name].body)
    assert TASKS[name].samples, f'Write @task("{name}", ..., samples=[sample_row(YourModel, ...)]) in {where}.'


def test_every_email_has_its_parts(message: Message) -> None:
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}
    for part in ('<meta charset="utf-8">', f"<title>{message.subject}</title>", 'content="light dark"'):
        assert part in message.html
    assert re.search(r"<h1 [^>]*>[^a-z\s<][^<]+</h1>", message.html), "The heading begins with a lowercase letter."
    preheader = re.search(r'class="preheader" style="display:none[^"]*">([^<&]*)', message.html)[1]
    assert re.match(r"[^a-z\s].{20,}", preheader), f"Begin the first paragraph with a capital letter: {preheader}"
    reason = re.search(r"\n-- \n[^\n]+\n\n(\S.{20,})", message.body)[1]
    assert f">{reason}" in message.html
    assert not re.search("<(img|link|script)|url\\(", message.html)


def test_both_parts_have_the_same_links_and_sentences(message: Message, request: pytest.FixtureRequest) -> None:
    links = {unescape(link) for link in HREF.findall(message.html)}
    assert links == set(LINK.findall(message.body))
    [(name, _)] = request.node.callspec.params.values()
    if TASKS[name].body.__module__.startswith(STARTER):
        assert [link for link in links if not link.startswith("http://127.0.0.1:8000/")] == []
    paragraphs = [" ".join(lines.split()) for lines in message.body.split("\n\n")]
    text = " ".join(unescape(re.sub("<[^>]*>", " ", message.html)).split())
    shown = [each for each in paragraphs if not each.startswith(("http", "-- ")) and not each.endswith(":")]
    assert len(shown) > 2
    assert [each for each in shown if each not in text] == []
    small = [each for each in paragraphs if each[0].islower() and not each.startswith("http")]
    assert not small, f"Begin each paragraph with a capital letter: {small}"


def test_every_email_is_small_and_its_text_has_short_lines(app: Flask, message: Message) -> None:
    with app.app_context():
        assert len(message.as_bytes()) < 20_000
    assert max(len(line) for line in message.body.splitlines() if not line.startswith("http")) <= 72


def test_every_colour_comes_with_its_background_and_can_be_read_in_both_themes(message: Message) -> None:
    dark: dict[str, dict[str, str]] = {name: declared(rule) for name, rule in RULE.findall(message.html)}
    coloured = 0
    for tag in re.findall(r"<\w+ [^>]*>", message.html):
        style = declared(found[1]) if (found := STYLE.search(tag)) else {}
        if "color" not in style:
            continue
        coloured += 1
        assert contrast(style["color"], style["background-color"]) >= 4.5, tag
        classes = re.search('class="([^"]*)"', tag)[1].split()
        theme: dict[str, str] = {}
        for name in classes:
            theme |= dark.get(f".{name}", {})
        assert contrast(theme["color"], theme["background-color"]) >= 4.5, tag
    assert coloured > 5


def test_the_list_shows_every_email_and_writes_nothing(app: Flask) -> None:
    page = app.test_client().get("/dev/emails/")
    assert page.text.count('/">') >= len(SAMPLES)
    assert all(f"/dev/emails/{name}/{number}/" in page.text for name, number in SAMPLES)
    assert run_sql(app, "SELECT count(*) FROM users") == [(0,)]
    assert run_sql(app, "SELECT count(*) FROM outbox") == [(0,)]


def test_the_page_of_an_email_shows_its_headers_its_text_and_its_html_in_a_sandbox(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/dev/emails/send_password_reset_email/0/")
    assert "auto-generated" in page.text
    assert "one hour" in page.text
    frames = re.findall(r'<iframe src="([^"]*)"[^>]* width="(\d+)"[^>]* sandbox>', page.text)
    assert [width for _, width in frames] == ["604", "379"]  # 600 and 375 px between their borders
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith("; frame-src 'self'")
    assert "unsafe" not in policy
    shown = client.get(frames[0][0])
    assert "<h1 " in shown.text
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"
    policy = shown.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "style-src 'unsafe-inline'", "frame-ancestors 'self'", "sandbox"):
        assert part in policy.split("; ")
    for path in ("send_password_reset_email/9/", "nothing/0/", "send_password_reset_email/9/html"):
        assert client.get(f"/dev/emails/{path}").status_code == 404


@pytest.mark.usefixtures("add_task")
def test_a_task_without_a_sample_or_with_a_broken_one_is_listed_with_what_to_do(app: Flask) -> None:
    TASKS["no_sample"] = OutboxTask("no_sample", lambda: None)
    TASKS["no_email"] = OutboxTask("no_email", lambda: None, queue="jobs")
    TASKS["nothing"] = OutboxTask("nothing", lambda: None, samples=[dict])
    TASKS["broken"] = OutboxTask("broken", dict.fromkeys, samples=[dict])
    page = unescape(app.test_client().get("/dev/emails/").text)
    assert 'There is no sample. Write @task("no_sample", ..., samples=[...]).' in page
    assert "no_email" not in page
    assert "The task returns None for this sample." in page
    assert "TypeError: " in page
    assert "/dev/emails/send_welcome_email/0/" in page


def test_production_has_no_preview_and_no_process_id_in_an_email(environ: dict[str, str]) -> None:
    app = create_app({**environ, **PRODUCTION})
    client = app.test_client()
    assert "dev" not in app.blueprints
    for path in ("/dev/emails/", "/dev/emails/send_welcome_email/0/", "/dev/emails/send_welcome_email/0/html"):
        assert client.get(path, base_url="https://example.com").status_code == 404
    with app.test_request_context(base_url="https://example.com"):
        welcome = next(find_previews()).message
    assert welcome
    assert not re.search(rf"\b{os.getpid()}\b", f"{welcome.body}{welcome.html}")
    close(app)


def test_a_template_that_lacks_a_part_is_refused(app: Flask) -> None:
    with app.test_request_context(), pytest.raises(ValueError, match="does not set subject and text and reason"):
        compose("email/base", "bob@example.com", greeting="Hi")


def test_what_a_template_sets_is_text_and_never_markup(app: Flask) -> None:
    with app.test_request_context():
        message = compose("signup/email/welcome", "bob@example.com", username="<b>bob</b>")
    assert " <b>bob</b>," in message.body
    assert " &lt;b&gt;bob&lt;/b&gt;," in message.html
    assert "<b>" not in message.html

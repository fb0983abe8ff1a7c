"""The access log: no spelling of a link's token gets into it, and other paths do."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.edge import ask, log_of

HEX = "0123456789abcdef" * 4
TOKEN = f"6f00abcd-{HEX}"
ENCODED = "".join(f"%{ord(letter):02x}" for letter in TOKEN)
SPELLINGS = {
    "as mailed": f"/accounts/reset/7/{TOKEN}/",
    "without the slash": f"/accounts/email/undo/7/{TOKEN}",
    "a letter before": f"/accounts/reset/7/x{TOKEN}/",
    "a letter after": f"/accounts/reset/7/{TOKEN}x/",
    "capitals": f"/ACCOUNTS/reset/7/{TOKEN.upper()}/",
    "one character encoded": f"/accounts/reset/7/{TOKEN[:20]}%{ord(TOKEN[20]):x}{TOKEN[21:]}/",
    "all encoded": f"/accounts/reset/7/{ENCODED}/",
    "encoded twice": f"/accounts/reset/7/{ENCODED.replace('%', '%25')}/",
    "slash encoded": f"/accounts/reset/7%2f{TOKEN}/",
    "prefix encoded": f"/accounts/%72eset/7/{ENCODED}/",
    "line break": f"/accounts/reset/7/%0a{TOKEN}/",
    "dots": f"/accounts/reset/x/../7/{TOKEN}/",
    "slashes": f"//accounts//reset//7//{TOKEN}",
    "with more behind it": f"/accounts/reset/7/{TOKEN}/more",
    "no id": f"/accounts/reset/{TOKEN}/",
    "elsewhere": f"/x/{TOKEN}",
    "at the root": f"/{TOKEN}",
    "a part of it": f"/accounts/reset/7/{TOKEN[:30]}",
    "query": f"/accounts/reset/7/?token={TOKEN}",
}


@pytest.mark.requirement(47)
@pytest.mark.parametrize("with_uwsgi", [True, False], ids=["200", "503"])
def test_no_spelling_of_a_token_is_logged(start_nginx: Callable[..., Any], with_uwsgi: bool) -> None:
    site = start_nginx(with_uwsgi)
    statuses = {ask(site.port, path).status for path in SPELLINGS.values()}
    assert statuses == {200 if with_uwsgi else 503}
    statuses = {ask(site.port, path, Cookie="x" * 9000).status for path in SPELLINGS.values()}
    assert statuses == {400}
    ask(site.port, "/last")
    log_of(site, "/last")
    log = site.nginx.log.read_text().lower()
    parts = {text[start : start + 12] for text in (HEX, ENCODED[27:]) for start in range(20)}
    assert [part for part in parts if part in log] == []


def test_other_paths_are_logged_as_the_application_reads_them(start_nginx: Callable[..., Any]) -> None:
    site = start_nginx()
    paths = {
        "/a%20b/?c": "/a b/",
        "/accounts/email/resend/": "/accounts/email/resend/",
        "/x/../static/no.css": "/static/no.css",
        f"/accounts/reset/7/{TOKEN}/": "/accounts/reset/7/...",
    }
    for path, logged in paths.items():
        ask(site.port, path)
        assert log_of(site, logged)["bytes"] > 0
    for path in ("/healthz", "/readyz"):
        ask(site.port, path)
    ask(site.port, "/last")
    log_of(site, "/last")
    assert "healthz" not in (log := site.nginx.log.read_text())
    assert "readyz" not in log


@pytest.mark.requirement(72)
@pytest.mark.parametrize("part", ["/accounts", "/1", "/0123456789abcdef", "/accounts/x/1x", "0123456789abcdeg"])
def test_nginx_reads_no_path_for_long(start_nginx: Callable[..., Any], part: str) -> None:
    site = start_nginx(with_uwsgi=False)
    path = f"/{part * (7800 // len(part))}/"
    for _ in range(20):
        assert ask(site.port, path).status == 503
    assert site.nginx.cpu_seconds() < 0.3

"""The table of figures: what measures each one, which returns a value for each row, and the targets."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks import emails, forms, pages, web
from benchmarks.bench import Bench
from benchmarks.rows import Row, Value


class Figure(NamedTuple):
    """Rows that are measured together, once a round."""

    measure: Callable[[Bench], list[Value]]
    rows: tuple[Row, ...]


FIGURES = {
    "home": Figure(
        pages.measure_home,
        (
            Row("home page, anonymous, of a bare Flask view", at_least=0.60),
            Row("home page, logged in, of a bare Flask view", at_least=0.17),
        ),
    ),
    "login-form": Figure(pages.measure_login_form, (Row("login form, of a bare Flask view", at_least=0.45),)),
    "sign-ups": Figure(
        forms.measure_sign_ups,
        (
            Row("sign-ups/s, of the hash limit", at_least=0.60),
            Row("CPU of a sign-up beside its hash, of one hash", at_most=0.25),
        ),
    ),
    "logins": Figure(
        forms.measure_logins,
        (
            Row("logins/s, of the hash limit", at_least=0.75),
            Row("CPU of a login beside its hash, of one hash", at_most=0.20),
        ),
    ),
    "emails": Figure(
        emails.measure_emails,
        (
            Row("worker CPU of an email, of one sent the usual way", at_most=1.3),
            Row("sign-up answered until email at the sink, 20/s, p50, of one hash", at_most=0.5),
            Row("the same, p99", at_most=2),
        ),
    ),
    "backlog": Figure(
        emails.measure_backlog, (Row("backlog of 2,000 emails, drained", "/s", at_least=4 * emails.REFERENCE),)
    ),
    "memory": Figure(
        web.measure_memory,
        (Row("memory (PSS) of the largest web process after 300 sign-ups by 8 clients", " MB", at_most=85),),
    ),
    "storm": Figure(
        web.measure_storms,
        (
            Row("home page p99 while 16 sign up, of idle", at_most=10),
            Row("home page p99 while 64 sign up, of idle", at_most=10),
            Row("login p99 while 16 sign up", " s"),
            Row("login p99 while 64 sign up", " s"),
        ),
    ),
    "start": Figure(web.measure_start, (Row("create_app() with its imports, CPU", " s", at_most=1.0),)),
}

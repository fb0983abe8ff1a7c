"""The table of figures: what measures each one, which returns a value for each row, and the targets."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks import emails, fairness, flat, forms, pages, processes, web
from benchmarks.bench import Bench
from benchmarks.rows import Row, Value


class Figure(NamedTuple):
    """Rows that are measured together, once a round."""

    measure: Callable[[Bench], list[Value]]
    rows: tuple[Row, ...]
    is_long: bool = False  # measured only when it is named, and once


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
    "fairness": Figure(
        fairness.measure_fairness,
        (
            Row("200 emails among 200 to a domain that never answers, of the time alone", at_most=2),
            Row("the same with a mail server 50 ms away", at_most=2),
            Row("sign-up answered until email at the sink, p50 beside two slow jobs, of idle", at_most=1.5),
        ),
        is_long=True,
    ),
    "flat": Figure(
        flat.measure_flat,
        tuple(
            Row(f"memory (PSS) after 100,000 more requests, {part}, of that after 10,000", at_most=1.05)
            for part in ("web", "worker", "jobs", "relay")
        ),
        is_long=True,
    ),
    "processes": Figure(
        processes.measure_processes,
        tuple(
            Row(f"{what} with {count} processes, of one")
            for what in ("home page, logged in", "logins", "backlog, mail server 50 ms away")
            for count in processes.COUNTS[1:]
        ),
        is_long=True,
    ),
}

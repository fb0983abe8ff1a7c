"""Passwords and paths on which Django and we agree."""

from __future__ import annotations

import itertools
import random
import unicodedata
from collections.abc import Callable
from typing import Any

from flask import Flask

from flaskcelery.users.password_policy import find_problems
from flaskcelery.web.urls import safe_next
from tests.functional.test_next import KEPT, REFUSED, STRANGE

AskDjango = Callable[[str, Any], Any]
NAMES = ["alice", "alice.liddell", "bob_1987", "ab", "x", "李小龍", "Åsa-Ström", "ALICE@home", "user+tag", "1234567"]
EMAILS = [
    "alice@example.com",
    "bob.builder@mail.example.org",
    "a@b.co",
    "12345@678.de",
    "long-local-part_x@sub.example.net",
]
ALPHABETS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "abcdefgh", "aA1!_-. @", "äöüßÅñ", "ﬁＡＢ１²½", "漢字かな", "🐎🔋\u200d\u0301"]
OURS_ALONE = {"This password is too common.", "The password is too similar to the name of this site."}


def make_passwords(number: int) -> list[tuple[str, str, str]]:
    """Return passwords with the names and addresses of those who chose them: every third resembles one."""
    chance = random.Random(20_260_101)
    made = []
    for index in range(number):
        name, email = chance.choice(NAMES), chance.choice(EMAILS)
        word = "".join(chance.choices(chance.choice(ALPHABETS), k=chance.randrange(1, 40)))
        if index % 3 == 0:
            like = list(chance.choice([name, email, email.partition("@")[0]]) + word[: chance.randrange(9)])
            chance.shuffle(like) if index % 2 else None
            word = "".join(like)
        made.append((chance.choice([str, str.upper, str.title])(word), name, email))
    return made


def test_two_thousand_passwords_have_the_same_verdict_but_for_the_common_ones(
    context: Flask, ask_django: AskDjango
) -> None:
    made = make_passwords(2000)
    verdicts = ask_django("passwords", made)
    assert len({sentence for verdict in verdicts for sentence in verdict}) == 4
    for who, verdict in zip(made, verdicts, strict=True):
        problems = [problem for problem in find_problems(*who) if problem not in OURS_ALONE]
        # We look at two forms of a password, and Django at the typed one alone.
        is_one_form = unicodedata.normalize("NFKC", who[0]) == who[0]
        assert problems == verdict if is_one_form else {*problems} >= {*verdict}, who


def test_979_of_a_thousand_common_passwords_are_refused(context: Flask, ask_django: AskDjango) -> None:
    listed = ask_django("common", [])
    accepted = [password for password in listed if not find_problems(password)]
    print(f"{1 - len(accepted) / len(listed):.4f} of {len(listed)} refused")
    assert len(listed) > 19_000
    assert len(accepted) <= 0.021 * len(listed)


def make_targets(number: int) -> list[str]:
    """Return what a login may be asked to lead to: what is known to be odd, and odd pieces put together."""
    starts = [
        "/",
        "//",
        "///",
        "/\\",
        "\\",
        "",
        " ",
        "\t",
        "/\t",
        "/\n/",
        "http:",
        "https://",
        "javascript:",
        "/;",
        "/@",
    ]
    ends = [
        "evil.com",
        "/evil.com",
        "\\evil.com",
        "localhost",
        "a/b?c=d#e",
        "evil.com:80",
        "%2fevil.com",
        "\0",
        "[::1",
        "é",
    ]
    joined = ["".join(pair) for pair in itertools.product(starts, ends)]
    return list(dict.fromkeys([*REFUSED, *STRANGE, *KEPT, *joined, *(f"/{path}" for path in joined)]))[:number]


def test_wherever_a_log_in_leads_django_would_go_too(context: Flask, ask_django: AskDjango) -> None:
    targets = make_targets(300)
    assert len(targets) == 300
    with context.test_request_context():
        ends = [safe_next(target) for target in targets]
    assert ask_django("paths", ends) == [True] * 300
    assert len(set(ends)) > 30
    assert not all(ask_django("paths", targets))

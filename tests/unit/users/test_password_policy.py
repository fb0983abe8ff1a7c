"""The rules for a new password, on the form of it that is hashed."""

import unicodedata
from collections.abc import Iterator

import pytest
from flask import Flask

from flaskcelery.app import create_app
from flaskcelery.users import password_policy
from flaskcelery.users.password_policy import find_problems, password_hint

SHORT = "This password is too short. It must contain at least 8 characters."
COMMON = "This password is too common."
NUMERIC = "This password is entirely numeric."
LIKE_NAME = "The password is too similar to the username."
LIKE_EMAIL = "The password is too similar to the email."
LIKE_SITE = "The password is too similar to the name of this site."


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """Open the application's context."""
    with app.app_context():
        yield


@pytest.mark.requirement(2)
def test_length_is_counted_in_characters() -> None:
    assert find_problems("1xQ4567") == [SHORT]
    assert find_problems("🐎🔋📎🍀🚲🎈🧦🪁") == []
    assert find_problems("x!Zq" * 256) == []
    assert len(find_problems("x" * 1025)) == 1
    assert find_problems(unicodedata.normalize("NFD", "éàüñôçî")) == [SHORT]  # each letter and its accent are one
    assert find_problems("ﬃﬃﬃ") == [SHORT]  # nor do letters of three count as three


def test_another_form_of_a_refused_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_policy, "is_breached", lambda password: password == "Qw7-vlórk-zapt")
    for form in ("NFC", "NFD"):
        assert len(find_problems(unicodedata.normalize(form, "Qw7-vlórk-zapt"))) == 1
    assert find_problems("ｑｕｉｘｚｏｔｒｙｎａｂｅｌ", "quixzotrynabel") == [LIKE_NAME]


@pytest.mark.requirement(2)
def test_the_minimum_is_a_setting(environ: dict[str, str]) -> None:
    with create_app({**environ, "PASSWORD_MIN_LENGTH": "15"}).app_context():
        assert find_problems("a7!kQzt09_pLwx") == [SHORT.replace("8", "15")]
        assert find_problems("a7!kQzt09_pLwxy") == []
        assert password_hint().startswith("At least 15 characters.")


@pytest.mark.parametrize(
    "password",
    [
        "password1", "Password1", "PASSWORD1", "ｐａｓｓｗｏｒｄ１", " password1 ", "iloveyou", "qwertyuiop",
        "QWERTYUIOP",
        "1q2w3e4r5t", "ｑwertyuiop", "aaaaaaaa", "abcd1234", "p4ssw0rd", "monkey123",
    ],
)  # fmt: skip
def test_a_common_password_is_refused_in_every_case_and_width(password: str) -> None:
    assert find_problems(password) == [COMMON]


@pytest.mark.parametrize("password", ["qzvkwjxp", "7f3kq9zx", "Xk4!pW9z"])
def test_eight_random_characters_are_not_common(password: str) -> None:
    assert find_problems(password) == []


@pytest.mark.parametrize("password", ["zqvxlamps", "Zqvxlamps1", "ZQVXLAMPS!!", "zqvxl4mps", "my zqvxlamps"])
def test_a_password_made_of_the_sites_name_is_refused(password: str, app: Flask) -> None:
    app.config["SITE_NAME"] = "Zqvxlamps"
    assert set(find_problems(password)) & {COMMON, LIKE_SITE}


def test_each_word_of_the_sites_name_counts(environ: dict[str, str]) -> None:
    with create_app({**environ, "SITE_NAME": "Zqvx Lamps"}).app_context():
        assert find_problems("zqvxlamps") == [LIKE_SITE, COMMON]
        assert find_problems("zqvxzqvx") == [COMMON]


@pytest.mark.parametrize("password", ["83746152", "٨٣٧٤٦١٥٢", "73829104856273"])
def test_digits_alone_are_refused(password: str) -> None:
    assert NUMERIC in find_problems(password)


@pytest.mark.parametrize("password", ["alice.liddell", "ALICE.LIDDELL", "leddil.ecila"])
def test_what_resembles_the_username_or_a_word_of_it_is_refused(password: str) -> None:
    assert find_problems(password, "alice.liddell") == [LIKE_NAME]


def test_what_resembles_the_address_or_a_word_of_it_is_refused() -> None:
    assert find_problems("xWonderland9", "zq", "zq@wonderland.example") == [LIKE_EMAIL]
    assert find_problems("wonderlend-example", "zq", "zq@wonderland.example") == [LIKE_EMAIL]


def test_a_short_word_in_a_long_password_does_no_harm() -> None:
    assert find_problems("ab" + "q7!Zx_mK" * 3, "ab", "ab@c.de") == []


def test_one_sentence_for_resemblance_and_all_in_the_reference_apps_order() -> None:
    assert find_problems("1234567", "1234567", "1234567@example.com") == [LIKE_NAME, SHORT, NUMERIC]
    assert find_problems("12345678", "12345678") == [LIKE_NAME, COMMON, NUMERIC]


@pytest.mark.parametrize("password", ["\ud800" * 9, "\0" * 9, "\u200b" * 30, "4@8({[<369!1|/7$5%2", "-" * 1024])
def test_odd_passwords_raise_no_exception(password: str) -> None:
    find_problems(password, "\ud800", "\0")

"""What a new password must be: the four rules of the reference Django app, in its words, and no word of this site."""

import re
from difflib import SequenceMatcher

from flask import current_app
from zxcvbn_rs_py import zxcvbn

from flaskcelery.users.breaches import is_breached
from flaskcelery.users.passwords import PASSWORD_MAX_LENGTH, normalize

MAX_SIMILARITY = 0.7
# A password is common when an attacker needs fewer guesses than for eight random digits. A higher limit would refuse
# eight random letters. The estimate's time grows steeply with the length.
MIN_GUESSES = 10**8
ESTIMATED_UP_TO = 20  # characters


def find_problems(password: str, username: str = "", email: str = "") -> list[str]:
    """Return a sentence for each rule that the new password breaks, as it was typed or in the form that is hashed."""
    if len(password) > PASSWORD_MAX_LENGTH:  # normalizing more could take long
        return [f"This password is too long. It can contain at most {PASSWORD_MAX_LENGTH} characters."]
    hashed = normalize(password)
    forms = {password, hashed}
    minimum = current_app.config["PASSWORD_MIN_LENGTH"]
    site_name = current_app.config["SITE_NAME"]
    problems = []
    for name, value in (("username", username), ("email", email), ("name of this site", site_name)):
        if any(_is_similar(form.lower(), value.lower()) for form in forms):
            problems.append(f"The password is too similar to the {name}.")
            break
    if min(map(len, forms)) < minimum:  # one letter can become several, and several one
        problems.append(f"This password is too short. It must contain at least {minimum} characters.")
    elif _is_common(hashed, site_name):
        problems.append("This password is too common.")
    if any(form.isdigit() for form in forms):
        problems.append("This password is entirely numeric.")
    if not problems and is_breached(hashed):
        problems.append("This password is known from a data breach. Please choose another one.")
    return problems


def password_hint() -> str:
    """Return the rules as a page shows them beforehand."""
    minimum = current_app.config["PASSWORD_MIN_LENGTH"]
    return f"At least {minimum} characters. Not a common password, not like your name or email, not only digits."


def _is_similar(password: str, value: str) -> bool:
    """Compare with the whole value and with each word of it, but for words too short to matter in the password."""
    for part in [*re.split(r"\W+", value), value]:
        is_small = len(password) >= 10 * len(part) and len(part) < MAX_SIMILARITY / 2 * len(password)
        if part and not is_small and SequenceMatcher(a=password, b=part).quick_ratio() >= MAX_SIMILARITY:
            return True
    return False


def _is_common(password: str, site_name: str) -> bool:
    folded = password.casefold().strip().encode(errors="replace").decode()
    site_words = [site_name.casefold(), *re.split(r"\W+", site_name.casefold())]
    return len(folded) <= ESTIMATED_UP_TO and zxcvbn(folded, site_words).guesses < MIN_GUESSES

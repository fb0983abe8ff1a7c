"""The security requirements: what each asks for, and a remark; their tests are marked `requirement(number)`."""

from typing import NamedTuple


class Requirement(NamedTuple):
    """A requirement. Without a test that proves it, it is open, and the remark says why."""

    asks: str
    remark: str = ""


REQUIREMENTS = {
    1: Requirement("Passwords are hashed with Argon2id at OWASP's cost, and hashed again when the cost rises"),
    2: Requirement(
        "A password has a minimum length, counted in characters",
        "8, as in Django and ASVS 6.2.1; NIST asks for 15 without a second factor (`PASSWORD_MIN_LENGTH=15`)",
    ),
    3: Requirement("Long passwords of any characters are accepted whole, and password managers can fill them in"),
    4: Requirement("A very long password is refused before it is hashed"),
    5: Requirement("Common passwords are refused in upper, lower and full-width spelling"),
    6: Requirement("A password works on every keyboard, however its characters are encoded"),
    7: Requirement("Every failed login has the same answer"),
    8: Requirement(
        "Every failed login takes the same time",
        "`benchmarks/uniform_answers.py` with 1,000 pairs: AUC 0.501, the medians differ by 0.01 ms",
    ),
    9: Requirement(
        "Sign-up does not tell that an email address is taken (ASVS 6.3.8, level 3)",
        "open on purpose, see [decision 5](decisions/0005-sign-up-tells.md); a rate limit applies",
    ),
    10: Requirement(
        "A password reset does not tell who has an account, even while Redis is down",
        "the same benchmark: AUC 0.532 and 0.07 ms for a reset, AUC 0.507 and 0.17 ms for a confirmation email",
    ),
    11: Requirement("Password guesses are counted for all processes together, and cannot lock the owner out"),
    12: Requirement("Rate limits still work while Redis is down"),
    13: Requirement("A request with a wrong Host header gets no page, and never changes the host of a link"),
    14: Requirement("A client cannot pretend to have another IP address"),
    15: Requirement(
        "A reset link works once, for one hour, for one account; it is stored nowhere",
        "ASVS 6.5.5 asks for ten minutes, but only for codes that users type",
    ),
    16: Requirement("A password reset does not log anybody in, and the owner is told"),
    17: Requirement("Login starts a new session"),
    18: Requirement("Logout ends the session on the server"),
    19: Requirement("A session that is ended does not work at the next request"),
    20: Requirement("Sessions end when they are idle, and when they are old"),
    21: Requirement("Sensitive changes need the current password; wrong ones are limited"),
    22: Requirement("Cookies are HttpOnly, SameSite and, with https, Secure"),
    23: Requirement("Every response has a strict Content-Security-Policy"),
    24: Requirement("HSTS is on, and plain HTTP redirects to HTTPS"),
    25: Requirement("Every response has the other security headers, and browsers do not store pages"),
    26: Requirement("CSRF: only our own forms can change anything"),
    27: Requirement("A session that an attacker planted does not survive the login"),
    28: Requirement("Redirects never lead to another site"),
    29: Requirement("No page can be shown in a frame"),
    30: Requirement("Extra fields in a form are ignored"),
    31: Requirement("Only staff can open the admin pages, however the URL is spelled"),
    32: Requirement("The last member of staff cannot be removed, and staff never see a password"),
    33: Requirement("If two people sign up with one email address at the same time, one succeeds"),
    34: Requirement(
        "Usernames that look the same are one username, or are refused",
        "no username is reserved, because only its owner and staff see it and no URL contains it",
    ),
    35: Requirement("A reset email goes to the stored email address, not to the typed one"),
    36: Requirement("No header can be injected into an email or a response"),
    37: Requirement("Our emails cannot carry advertisements and cannot flood a mailbox"),
    38: Requirement("User input is never treated as markup or as a template"),
    39: Requirement(
        "User input is never treated as SQL",
        "sqlmap and wapiti (`make scan`) found nothing, neither logged out nor logged in",
    ),
    40: Requirement("Large request bodies are refused, and so are forms with very many parts"),
    41: Requirement("Invalid bytes never cause a 500"),
    42: Requirement("An invalid cookie is ignored"),
    43: Requirement("Slow clients do not keep others waiting"),
    44: Requirement("Ambiguous HTTP requests are refused"),
    45: Requirement("Only pages and static files are served, and no version is shown"),
    46: Requirement("Error pages show no internals"),
    47: Requirement("Security events are logged, and secrets are not"),
    48: Requirement("No account exists by default"),
    49: Requirement("Nothing starts with unsafe settings"),
    50: Requirement(
        "No secret is in the repository or the image",
        "detect-secrets (`make scan`) found nothing, also in the whole history",
    ),
    51: Requirement(
        "Every dependency is pinned with its hash", "there is no SBOM, because the usual tools read the pinned files"
    ),
    52: Requirement("Weak TLS versions and ciphers are refused", "testssl.sh was not run"),
}

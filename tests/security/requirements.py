"""The security requirements: what each asks for, and a remark; their tests are marked `requirement(number)`."""

from typing import NamedTuple


class Requirement(NamedTuple):
    """A requirement. Without a test that proves it, it is open, and the remark says why."""

    asks: str
    remark: str = ""


REQUIREMENTS = {
    1: Requirement(
        "Passwords are hashed with Argon2id at the cost that OWASP recommends; old hashes are updated at login"
    ),
    2: Requirement(
        "Passwords have a minimum length, counted in characters",
        "8, as in ASVS 6.2.1; NIST recommends 15 without a second factor: set PASSWORD_MIN_LENGTH=15",
    ),
    3: Requirement("Long passwords with any characters are accepted; password managers can fill in the forms"),
    4: Requirement("A very long password is refused before it is hashed"),
    5: Requirement("Common passwords are refused, in upper or lower case and in full width"),
    6: Requirement("A password is the same on every keyboard and operating system"),
    7: Requirement("Every failed login has the same response"),
    8: Requirement(
        "Every failed login takes the same time",
        "benchmarks/uniform_answers.py, 1,000 pairs: AUC 0.501, medians 0.01 ms apart",
    ),
    9: Requirement(
        "Sign-up does not reveal that an email address is taken (ASVS 6.3.8, level 3)",
        "open on purpose, see [decision 5](decisions/0005-sign-up-tells.md); sign-ups are limited per client",
    ),
    10: Requirement(
        "A password reset does not reveal who has an account, even while Redis is down",
        "benchmarks/uniform_answers.py, 1,000 pairs: reset AUC 0.532, 0.07 ms; a new confirmation AUC 0.507, 0.17 ms",
    ),
    11: Requirement("Password guesses are limited across all processes, and cannot lock the owner out"),
    12: Requirement("Rate limits work while Redis is down"),
    13: Requirement("A request with a wrong Host header gets no page and cannot change a link"),
    14: Requirement("Clients cannot fake their IP address"),
    15: Requirement(
        "A reset link works once, for one hour, for one account; the token is not stored",
        "ASVS 6.5.5 asks for ten minutes, but for codes that users type",
    ),
    16: Requirement("A password reset does not log the user in, and the owner is told about it"),
    17: Requirement("A login starts a new session"),
    18: Requirement("A logout ends the session on the server"),
    19: Requirement("A session that was ended elsewhere is refused at the next request"),
    20: Requirement("Sessions end after a time without activity, and at a maximum age"),
    21: Requirement("Sensitive changes need the current password; wrong ones are limited"),
    22: Requirement("Cookies have the flags Secure, HttpOnly and SameSite"),
    23: Requirement("Every response has a strict Content-Security-Policy"),
    24: Requirement("HSTS is on, and HTTP redirects to HTTPS"),
    25: Requirement("Other security headers are set, and browsers do not cache pages of logged-in users"),
    26: Requirement("CSRF: only our own forms can change anything"),
    27: Requirement("A session cookie that was set before the login is not used after it"),
    28: Requirement("Redirects stay on this site"),
    29: Requirement("Other sites cannot show a page in a frame"),
    30: Requirement("Form fields that do not exist are ignored"),
    31: Requirement("Admin pages are open to staff only, in every spelling of the URL"),
    32: Requirement("The last member of staff cannot be removed, and staff never see a password"),
    33: Requirement("Of simultaneous sign-ups with one email address, exactly one succeeds"),
    34: Requirement(
        "Usernames that look the same count as one name, or are refused",
        "no name is reserved: a username is in no URL, and only its owner and staff see it",
    ),
    35: Requirement("A reset email goes to the stored email address, not to the one that was typed"),
    36: Requirement("User input cannot inject HTTP or email headers"),
    37: Requirement("Visitors cannot use our emails for advertising, or flood a mailbox"),
    38: Requirement("User input is never interpreted as HTML or as a template"),
    39: Requirement(
        "User input is never interpreted as SQL",
        "`make scan` runs sqlmap and wapiti, as visitor and as user; they find nothing",
    ),
    40: Requirement("Large request bodies are refused"),
    41: Requirement("Invalid bytes in a request do not cause a server error"),
    42: Requirement("An invalid cookie is ignored"),
    43: Requirement("Slow clients do not block other visitors"),
    44: Requirement("Ambiguous requests are refused (request smuggling)"),
    45: Requirement("Only pages and static files are served, and no response contains a version number"),
    46: Requirement("Error pages contain no internal details"),
    47: Requirement("Security events are logged, and secrets are not"),
    48: Requirement("A new database has no account"),
    49: Requirement("The application does not start with unsafe settings"),
    50: Requirement(
        "The repository and the image contain no secrets",
        "`make scan` runs detect-secrets on the whole history; it finds nothing",
    ),
    51: Requirement(
        "Every dependency is pinned with its hash", "there is no separate SBOM; common tools read the pinned files"
    ),
    52: Requirement("Weak TLS versions and ciphers are refused", "testssl.sh was not run"),
}

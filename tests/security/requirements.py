"""The security requirements: what each asks for, and a remark; their tests are marked `requirement(number)`."""

from typing import NamedTuple


class Requirement(NamedTuple):
    """A requirement. Without a test that proves it, it is open, and the remark says why."""

    asks: str
    remark: str = ""


REQUIREMENTS = {
    1: Requirement("Argon2id at OWASP's cost, made anew when the cost rises"),
    2: Requirement(
        "A shortest length, counted in characters",
        "8 as in the reference Django app, ASVS 6.2.1; NIST asks for 15 if a password is all: PASSWORD_MIN_LENGTH=15",
    ),
    3: Requirement("Long passwords of any characters, whole, filled in by a password manager"),
    4: Requirement("A very long password costs nothing"),
    5: Requirement("No common password, in no case and width"),
    6: Requirement("One password on every keyboard"),
    7: Requirement("Every failed log-in has the same answer"),
    8: Requirement(
        "Every failed log-in takes the same time",
        "benchmarks/uniform_answers.py, 1,000 pairs: AUC 0.501, medians 0.01 ms apart",
    ),
    9: Requirement(
        "Sign-up does not tell that an address is taken (ASVS 6.3.8, level 3)",
        "on purpose, [decision 5](decisions/0005-sign-up-tells.md); it is limited by client",
    ),
    10: Requirement(
        "A reset does not tell who has an account, also without Redis",
        "benchmarks/uniform_answers.py, 1,000 pairs: reset AUC 0.532, 0.07 ms; a new confirmation AUC 0.507, 0.17 ms",
    ),
    11: Requirement("Guesses are limited for all processes together, and lock no owner out"),
    12: Requirement("Limits outlive Redis"),
    13: Requirement("A foreign host gets no page and no link"),
    14: Requirement("Nobody is believed who names another client"),
    15: Requirement(
        "A reset link works once, for an hour, for one account; it is kept nowhere",
        "an hour; the ten minutes of ASVS 6.5.5 are for codes that are typed",
    ),
    16: Requirement("A reset logs nobody in and tells the owner"),
    17: Requirement("A new session at log-in"),
    18: Requirement("Log-out ends it on the server"),
    19: Requirement("What ends sessions ends them at the next request"),
    20: Requirement("Sessions end when idle and when old"),
    21: Requirement("What matters asks for the password; guesses count"),
    22: Requirement("Flags of cookies"),
    23: Requirement("A strict Content-Security-Policy everywhere"),
    24: Requirement("HSTS; plain HTTP leads to HTTPS"),
    25: Requirement("The other headers; no page of a member is kept"),
    26: Requirement("No change without a form of ours"),
    27: Requirement("A planted session does not survive the log-in"),
    28: Requirement("Redirects stay here"),
    29: Requirement("No page can be framed"),
    30: Requirement("Fields that no form has are ignored"),
    31: Requirement("Staff's pages open to staff only, however they are spelled"),
    32: Requirement("The last member of staff stays; staff knows no password"),
    33: Requirement("Of simultaneous sign-ups with one address one succeeds"),
    34: Requirement(
        "Names that look the same are one name, or refused",
        "no name is reserved: none stands in an address, and only its owner and staff see it",
    ),
    35: Requirement("A reset goes to the stored address, not to the typed one"),
    36: Requirement("No header can be injected"),
    37: Requirement("Our mails carry no advertisement and flood nobody"),
    38: Requirement("What was typed is never markup or template"),
    39: Requirement("Nor a query", "`make scan`: sqlmap and wapiti, as visitor and member: nothing"),
    40: Requirement("Large bodies stay outside"),
    41: Requirement("Bytes that are no text are no fault of ours"),
    42: Requirement("A bad cookie is no cookie"),
    43: Requirement("Slow clients keep nobody waiting"),
    44: Requirement("Ambiguous requests are refused"),
    45: Requirement("Nothing but pages is served, no version told"),
    46: Requirement("Errors show nothing of the internals"),
    47: Requirement("Events are logged, secrets are not"),
    48: Requirement("No account is there by default"),
    49: Requirement("Nothing starts on unsafe settings"),
    50: Requirement(
        "No secret in the repository or the image",
        "`make scan`: detect-secrets, also on every line of the history: nothing",
    ),
    51: Requirement(
        "Every dependency is pinned by its hash", "no SBOM of our own: the pinned files are read by the usual tools"
    ),
    52: Requirement("No weak TLS", "testssl.sh was not run"),
}

"""The security requirements: what each asks for, and a remark; their tests are marked `requirement(number)`."""

from typing import NamedTuple


class Requirement(NamedTuple):
    """A requirement. Without a test that proves it, it is open, and the remark says why."""

    asks: str
    remark: str = ""


REQUIREMENTS = {
    1: Requirement(
        "Passwords are hashed with Argon2id at the cost that OWASP recommends, and older hashes are replaced at login"
    ),
    2: Requirement(
        "Passwords have a minimum length, counted in characters",
        "The minimum is 8, as in ASVS 6.2.1. NIST recommends 15 for logins without a second factor. You can set "
        "`PASSWORD_MIN_LENGTH=15`.",
    ),
    3: Requirement("Long passwords with any characters are accepted, and password managers can fill in the forms"),
    4: Requirement("A very long password is refused before it is hashed"),
    5: Requirement("Common passwords are refused, also in upper case and in full-width letters"),
    6: Requirement("A password works on every keyboard, although keyboards encode letters such as `é` in two ways"),
    7: Requirement("Every failed login has the same response"),
    8: Requirement(
        "Every failed login takes the same time",
        "`benchmarks/uniform_answers.py` compared 1,000 pairs of failed logins. The medians differ by 0.01 ms. The AUC "
        "is 0.501, where 0.5 means that the time reveals nothing. Imported accounts are not different: a failed login "
        "does the work of the slowest hash in the table.",
    ),
    9: Requirement(
        "Sign-up does not reveal that an email address is taken (ASVS 6.3.8, level 3)",
        "It is open on purpose: see [decision 5](decisions/0005-sign-up-tells.md). A rate limit slows attackers down. "
        "No other page reveals it: see requirement 61.",
    ),
    10: Requirement(
        "A password reset does not reveal who has an account, even while Redis is down",
        "Measured as for requirement 8. For a password reset, the medians differ by 0.07 ms, and the AUC is 0.532. For "
        "a new confirmation email, the medians differ by 0.17 ms, and the AUC is 0.507.",
    ),
    11: Requirement("Password guesses are counted across all processes, and wrong guesses cannot lock the owner out"),
    12: Requirement("Rate limits work while Redis is down"),
    13: Requirement("A request with a wrong Host header gets no page, and cannot change the links in emails"),
    14: Requirement("Clients cannot fake their IP address"),
    15: Requirement(
        "A reset link works once, for one hour, for one account and one purpose, and its token is not stored",
        "ASVS 6.5.5 asks for ten minutes, but only for codes that users type.",
    ),
    16: Requirement("A password reset does not log the user in, and the owner receives an email about it"),
    17: Requirement("A login starts a new session"),
    18: Requirement("A logout ends the session on the server"),
    19: Requirement("A session that was ended elsewhere is refused at the next request"),
    20: Requirement("A session ends after some time without a request, and when it reaches a maximum age"),
    21: Requirement("Sensitive changes by users need the current password; requests and wrong passwords are limited"),
    22: Requirement("Cookies have the flags Secure, HttpOnly and SameSite"),
    23: Requirement("Every response has a strict Content-Security-Policy"),
    24: Requirement("HSTS is on, and HTTP redirects to HTTPS"),
    25: Requirement("Other security headers are set, and browsers do not cache pages of logged-in users"),
    26: Requirement("Only forms of our own pages can change anything (CSRF)"),
    27: Requirement("A session cookie from before the login is not valid after the login"),
    28: Requirement("A redirect never leads to another site"),
    29: Requirement("Other sites cannot show our pages in a frame"),
    30: Requirement("A request cannot set a value for which the form has no field"),
    31: Requirement("Only staff can open admin pages, whatever spelling of the URL they use"),
    32: Requirement("The last member of staff cannot be removed, and staff never see a password"),
    33: Requirement("Of simultaneous sign-ups with one email address, exactly one succeeds"),
    34: Requirement(
        "Usernames that look the same count as one name, or are refused",
        "[Decision 4](decisions/0004-names-and-addresses.md) has the rule and its limits. Imported accounts keep their "
        "usernames. No usernames are reserved, because no URL contains one, and only its owner and staff see it.",
    ),
    35: Requirement("A reset email is sent to the stored email address, not to the one that the visitor typed"),
    36: Requirement("User input cannot inject HTTP or email headers"),
    37: Requirement(
        "Visitors cannot put advertising into our emails, and cannot flood a mailbox",
        "In an hour, visitors can have five password resets and five other emails sent to one mailbox. Before the "
        "mailbox is confirmed, only the welcome email contains the username,"
        " and only if the username is plain: at most 30 letters, digits, dots, hyphens and underscores.",
    ),
    38: Requirement("User input is never interpreted as HTML or as a template"),
    39: Requirement(
        "User input is never interpreted as SQL",
        "`make scan` runs sqlmap and wapiti, as a visitor and as a user. They find nothing.",
    ),
    40: Requirement("Large request bodies are refused"),
    41: Requirement("Invalid bytes, and valid input of any length, never cause a 500"),
    42: Requirement("An invalid cookie is ignored"),
    43: Requirement("Slow clients do not block other visitors"),
    44: Requirement(
        "Ambiguous requests are refused, and uWSGI sees no request that nginx did not see (request smuggling)"
    ),
    45: Requirement("Only pages and static files are served, and no response contains a version number"),
    46: Requirement("Error pages contain no internal details"),
    47: Requirement("Security events are logged, and secrets are not"),
    48: Requirement("A new database has no account"),
    49: Requirement("The application does not start with unsafe settings"),
    50: Requirement(
        "The repository and the image contain no secrets",
        "`make scan` runs detect-secrets on the whole history. It finds nothing.",
    ),
    51: Requirement(
        "Every dependency is pinned with its hash, and can be looked up in a database of vulnerabilities",
        "`make audit` looks them up. `make sbom` writes the list of components (SBOM).",
    ),
    52: Requirement("Weak TLS versions and ciphers are refused", "The scanner testssl.sh was not run."),
    53: Requirement(
        "nginx counts an IPv4 address, or an IPv6 network of 64 bits, as one client, as the application does"
    ),
    54: Requirement("Health checks are limited and cost little, and tell strangers only whether the site is ready"),
    55: Requirement("Reaching one of the application's inner ports does not allow running code"),
    56: Requirement("The application's database role owns its schema and is no superuser"),
    57: Requirement("Sending data to other hosts in clear text is reported, unless a setting says that it is meant"),
    58: Requirement("Other users of the host cannot read the files under instance/"),
    59: Requirement("An import does not mistake a stranger's account for the imported one"),
    60: Requirement(
        "A slow mail server, a refused recipient or a flood of emails does not delay password resets",
        "A reset took 0.2 s. It took as long while 100 emails were sent to a server that needs 0.2 s for each, and "
        "while 100 emails were sent to a server that needs 4 s for each.",
    ),
    61: Requirement(
        "Members cannot find out who has an account",
        "Only an email to the address itself says that the address is taken. A member can try five usernames an hour.",
    ),
    62: Requirement(
        "A thief of the password or of the old mailbox cannot keep an account by changing its email",
        "The rules are in the section below.",
    ),
    63: Requirement("An account has at most 50 sessions, and the size of pages and exports in memory is bounded"),
    64: Requirement("Logins and exports are limited for each account, even with the right password"),
    65: Requirement(
        "Nobody can keep an account that uses somebody else's email address, or trick its owner into confirming it"
    ),
    66: Requirement("Sessions of staff end after 12 hours without a request, and staff are never remembered"),
    67: Requirement("The audit trail names the member of staff who did something, even after their account is deleted"),
    68: Requirement("An action of staff checks the role of its actor in the transaction that makes the change"),
    69: Requirement("A logout deletes what the browser stored, except for cookies"),
    70: Requirement("Messages to staff put no email address into a cookie"),
    71: Requirement(
        "A copied cookie of staff cannot flood mailboxes",
        "In an hour, a member of staff can cause 60 emails, and all of them together five to one mailbox. Visitors "
        "cannot use these up. Commands are not limited: see [decision 14](decisions/0014-limits.md).",
    ),
    72: Requirement(
        "No client, account or IPv6 /48 network can make the site slow or unavailable for others",
        "`benchmarks/storm.py` measures it.",
    ),
}

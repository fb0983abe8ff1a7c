"""The security requirements: what each asks for, and a remark; their tests are marked `requirement(number)`."""

from typing import NamedTuple

from tests.security.login_requirements import LOGIN_REQUIREMENTS


class Requirement(NamedTuple):
    """A requirement. Without a test that proves it, it is open, and the remark says why."""

    asks: str
    remark: str = ""


REQUIREMENTS = {
    1: Requirement(
        "Passwords are hashed with Argon2id at the cost that OWASP recommends", "A login replaces an older hash."
    ),
    2: Requirement(
        "Passwords have a minimum length, counted in characters",
        "The minimum is 8, as in ASVS 6.2.1. NIST recommends 15 for logins without a second factor: set "
        "`PASSWORD_MIN_LENGTH=15`.",
    ),
    3: Requirement("Long passwords with any characters are accepted", "Password managers can fill in the forms."),
    4: Requirement("A password of more than 1,024 characters is refused before it is hashed"),
    5: Requirement("Common passwords are refused", "Capital letters and full-width letters make no difference."),
    6: Requirement(
        "A password works on every keyboard",
        "Keyboards encode letters such as `é` in two ways. Both are the same password, also for the rules.",
    ),
    7: Requirement("Every failed login has the same response"),
    8: Requirement(
        "Every failed login takes the same time",
        "`benchmarks/uniform_answers.py` measured 1,000 failed logins with the address of an account, and 1,000 with "
        "an unknown address. The medians of 41 ms differ by 0.4 ms. While accounts have slower or older hashes "
        "(imported ones, or from before a change of `ARGON2_PARAMETERS`), every failed login also takes their time.",
    ),
    9: Requirement(
        "Sign-up does not reveal that an email address is taken (ASVS 6.3.8, level 3)",
        "This needs `SIGN_UP_REVEALS_EMAIL=0`. By default, sign-up reveals it on purpose: see [decision "
        "5](decisions/0005-sign-up-tells.md). `benchmarks/uniform_answers.py` measured 1,000 sign-ups of each "
        "kind: the medians of 38 ms differ by 0.03 ms.",
    ),
    10: Requirement(
        "A password reset does not reveal who has an account",
        "This is also true while Redis is down. Measured as in row 8, the medians of 6 ms differ by 0.03 ms. For the "
        "form that requests a new confirmation link, the medians of 7 ms differ by 0.25 ms.",
    ),
    11: Requirement(
        "Password guesses are counted across all processes",
        "Wrong guesses cannot lock the owner out, except in the network that they come from: see [decision "
        "14](decisions/0014-limits.md).",
    ),
    12: Requirement("Rate limits work while Redis is down"),
    13: Requirement(
        "A request with a wrong Host header gets no page", "The Host header does not change the links in emails."
    ),
    14: Requirement("Clients cannot fake their IP address"),
    15: Requirement(
        "A link to reset a password works once, for one hour and for one account",
        "Its token is not stored. A login makes the link invalid, as in Django. Somebody who knows the password can "
        "use this against the owner, until the owner presses the button in row 83.",
    ),
    16: Requirement("A password reset does not log the user in", "The owner receives an email about the reset."),
    17: Requirement("A login starts a new session"),
    18: Requirement("A logout ends the session on the server"),
    19: Requirement("A session that was ended elsewhere is refused at the next request"),
    20: Requirement(
        "A session ends after some time without a request, and at a maximum age",
        "[Decision 6](decisions/0006-sessions-are-rows.md) has the times.",
    ),
    21: Requirement(
        "Sensitive changes need the current password",
        "They are: a new email address, a new password, and deleting the account. Wrong passwords are limited. For ten "
        "minutes, a session does not ask again: see row 81.",
    ),
    22: Requirement("Cookies have the flags Secure, HttpOnly and SameSite"),
    23: Requirement("Every response has a strict Content-Security-Policy"),
    24: Requirement("HSTS is on, and HTTP redirects to HTTPS"),
    25: Requirement("Other security headers are set", "Browsers do not cache pages of logged-in users."),
    26: Requirement("Only forms of our own pages can change anything (CSRF)"),
    27: Requirement("A session cookie from before the login is not valid after the login"),
    28: Requirement("A redirect never leads to another site"),
    29: Requirement("Other sites cannot show our pages in a frame"),
    30: Requirement("Extra values in a request are ignored", "A value is extra if the form has no field for it."),
    31: Requirement(
        "Only staff and viewers can open admin pages",
        "This is also true for other spellings of their URLs, such as `//admin/`.",
    ),
    32: Requirement("The last member of staff cannot be removed"),
    33: Requirement("Of two simultaneous sign-ups with one email address, only one succeeds"),
    34: Requirement(
        "Two usernames cannot look the same",
        "[Decision 4](decisions/0004-names-and-addresses.md) has the rule and its limits. Names such as `admin` are "
        "not reserved: other users never see a username.",
    ),
    35: Requirement(
        "A reset email is sent to the stored email address", "The visitor may have typed another spelling."
    ),
    36: Requirement("User input cannot inject HTTP or email headers"),
    37: Requirement(
        "Visitors cannot send advertising with our emails, and cannot flood a mailbox",
        "In an hour, a confirmed account gets at most five password resets and five notices of new devices. A "
        "mailbox gets five resets and five confirmation links for an unconfirmed account, and five of all other "
        "emails that visitors request. All its other spellings, such as `alice+1@`, together get as many. No kind "
        "uses up another one, and no other spelling those of the plain one. If a user asks for several new addresses, "
        "emails that still wait for the earlier ones are not sent. Until a user confirms the mailbox, only the welcome "
        "email can contain the username. It leaves out a username that is longer than 30 characters, or that contains "
        "anything except letters, digits, dots, hyphens and underscores.",
    ),
    38: Requirement("User input is never interpreted as HTML or as a template"),
    39: Requirement(
        "User input is never interpreted as SQL", "`make scan` runs the scanners sqlmap and wapiti. They find nothing."
    ),
    40: Requirement("Large request bodies are refused"),
    41: Requirement("Invalid bytes and long input never cause a 500"),
    42: Requirement("An invalid cookie is ignored"),
    43: Requirement("Slow clients do not block other visitors"),
    44: Requirement(
        "Request smuggling is prevented", "Ambiguous requests are refused. uWSGI and nginx see the same requests."
    ),
    45: Requirement("Only pages and static files are served", "No response contains a version number."),
    46: Requirement("Error pages contain no internal details"),
    47: Requirement("Security events are logged, and secrets are not"),
    48: Requirement("A new database has no account"),
    49: Requirement("The application does not start with unsafe settings"),
    50: Requirement("The repository and the image contain no secrets", "`make scan` looks at the whole history."),
    51: Requirement(
        "Every dependency is pinned with its hash",
        "`make audit` looks up known vulnerabilities. The image lists its components in `/sbom.json`.",
    ),
    52: Requirement("Weak TLS versions and ciphers are refused", "testssl.sh 3.2.1 was run by hand: no finding."),
    53: Requirement(
        "nginx and the application count clients in the same way",
        "A client is an IPv4 address or an IPv6 network of 64 bits.",
    ),
    54: Requirement("Health checks are limited and cost little", "They tell strangers only whether the site is ready."),
    55: Requirement("A container in the same network cannot run code in the application"),
    56: Requirement("The application's database role is no superuser", "It owns its schema."),
    57: Requirement(
        "`flask check` reports connections to other hosts without TLS",
        "The setting `CLEARTEXT_HOSTS` lists exceptions.",
    ),
    58: Requirement("Other users of the host cannot read the files in `instance/`"),
    59: Requirement(
        "If an unconfirmed account already has the username and email address of an imported user, `flask users "
        "import-django` skips this user and reports it",
        "This account could belong to a stranger.",
    ),
    60: Requirement(
        "A slow mail server or a flood of emails does not delay password resets",
        "A password reset took 0.2 s. At the same time, 100 emails went to a server that needs 4 s for each.",
    ),
    61: Requirement(
        "A logged-in user cannot find out who has an account",
        "If a user wants to change to an email address that is taken, the page does not reveal that. Only the owner of "
        "the address is told, by email. A user can try five usernames an hour.",
    ),
    62: Requirement(
        "Nobody can steal an account by changing its email address",
        "This is true for a thief of the password, and for a thief of the old mailbox. [Email change and "
        "undo](#email-change-and-undo) has the rules.",
    ),
    63: Requirement(
        "An account has at most 50 sessions", "Pages and exports use little memory, even for the largest account."
    ),
    64: Requirement(
        "Logins and exports are limited for each account, even with the right password",
        "Logins with an old password do not use up those with a new one.",
    ),
    65: Requirement(
        "Nobody can keep an account with somebody else's email address",
        "The owner of the mailbox cannot confirm such an account by mistake. A password reset ends its sessions, and "
        "removes its second factor. Other spellings of the mailbox do not use up the resets of a confirmed or imported "
        "account, nor of the plain spelling.",
    ),
    66: Requirement(
        "Sessions of staff end after 12 hours without a request", '"Keep me logged in" does nothing for staff.'
    ),
    67: Requirement(
        "The audit trail names the member of staff who did something",
        "The name stays after the account of this person is deleted.",
    ),
    68: Requirement(
        "An action of staff checks the role again when it makes the change",
        "The check and the change are one transaction.",
    ),
    69: Requirement("A logout deletes what the browser stored, except for cookies"),
    70: Requirement("Flash messages on the admin pages contain no email address, as they are stored in a cookie"),
    71: Requirement(
        "A copied cookie of staff cannot flood mailboxes",
        "In an hour, one member of staff can cause 60 emails, and all staff together five to one mailbox. Commands are "
        "not limited: see [decision 14](decisions/0014-limits.md).",
    ),
    72: Requirement(
        "One client, account or IPv6 /48 network cannot make the site slow for others",
        "`benchmarks/storm.py` measures it.",
    ),
    **{number: Requirement(*texts) for number, texts in LOGIN_REQUIREMENTS.items()},
}

"""A part of `requirements.py`: the second factor, and who can sign up."""

LOGIN_REQUIREMENTS: dict[int, tuple[str, ...]] = {
    73: (
        "With two-factor authentication, a login needs a code after the right password",
        "Before the code, there is no session. For ten minutes, a signed cookie of this browser says that the password "
        "was right. It opens no other page.",
    ),
    74: ("A code of an authenticator app works once", "After a code was used, older codes do not work either."),
    75: ("A recovery code works once",),
    76: (
        "Codes cannot be guessed",
        "One client has ten wrong codes in 15 minutes. All clients together have 20 a day for one account. So somebody "
        "who has the password finds a code in a year with a probability of two percent. The owner can still log in "
        "with a recovery code then. Nobody can guess its 80 random bits. The page that confirms an action counts by "
        "itself, so a copied cookie does not use up the codes of the login.",
    ),
    77: (
        "Nothing skips the second factor",
        "Password resets, email changes, invitations, imports and the button in row 83 do not, once the email address "
        "is confirmed: see row 65. Setting it up ends the sessions that began without it.",
    ),
    78: (
        "A copy of the database contains no second factor",
        "The secrets of authenticator apps are encrypted with a key that is derived from `SECRET_KEY`. Recovery codes "
        "are hashed.",
    ),
    79: (
        "The owner is told about every change of the second factor",
        "By email, and in the audit trail: when it is turned on, turned off, reset by staff or removed by a "
        "password reset, when there are new recovery codes, and when one is used.",
    ),
    80: (
        "Users who must have a second factor can do nothing before they have set it up",
        "`REQUIRE_TOTP` decides who they are.",
    ),
    81: (
        "Sensitive actions need the password or a code, given in this session in the last ten minutes",
        "They are: every action of staff, changing the email address or the second factor, the export, and deleting "
        "the account. A new password needs the old one each time. The page that asks names the action, and sends the "
        "form again, so nothing typed is lost. It never contains a password.",
    ),
    82: (
        "The owner is told by email about a login with a new device",
        "The email has the time, the browser, the system and the IP address. A signed cookie makes a browser known to "
        "an account. Ending all sessions makes all browsers unknown, and a new password all but the one that chose "
        "it. The first login of an account causes no email.",
    ),
    83: (
        "In this email, the owner can log out whoever logged in",
        'The button "This was not me" ends all sessions, makes the password invalid, and sends a link to choose a new '
        "one. It works once, for seven days. Opening its link changes nothing.",
    ),
    84: (
        "When a user confirms an action with the password or a code, older copies of the session cookie become invalid",
        "This is also true when the user changes the password or the email address, and when the user logs out all "
        "other devices. A double click on the button that confirms does not log the user out.",
    ),
    85: (
        "Only an account whose email address is confirmed can become staff or a viewer",
        "A stranger could have signed up with the address. An account that staff add can have a role from the start.",
    ),
    90: (
        "While sign-up is closed or by invitation, only people whom staff add get an account",
        "The setting is `SIGN_UP`.",
    ),
    91: (
        "If `SIGN_UP_DOMAINS` is set, only email addresses at these domains can sign up",
        "Users can change only to such an address. Staff can add any. Only with `EMAIL_CONFIRMATION_REQUIRED=1` must "
        "visitors prove that the address is theirs. Production warns without it.",
    ),
    92: (
        "Simple bots cannot sign up, and do not learn why",
        "They fill in a field that people never see, or they send the form within two seconds. There is no CAPTCHA and "
        "no script. A bot that was written for this form can sign up.",
    ),
    93: (
        "With `PASSWORD_BREACH_CHECK=1`, passwords from data breaches are refused",
        "The service learns the first five digits of a hash. If it does not answer in one second, the password is "
        "accepted.",
    ),
}

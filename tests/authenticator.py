"""An authenticator app, as people have it on their phones."""

from __future__ import annotations

import re
import time

import pyotp

STEP = 30  # seconds


class Authenticator:
    """Shows the codes of one secret."""

    def __init__(self, page: str) -> None:
        """Read the secret that the set-up page shows for typing."""
        [secret] = re.findall(r"<bdi><strong>([A-Z2-7-]+)</strong></bdi>", page)
        self.totp = pyotp.TOTP(secret.replace("-", ""))

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of so many steps later; one step ahead is accepted, as clocks differ."""
        return self.totp.at(int(time.time()) + steps * STEP)

    def wrong_code(self) -> str:
        """Return six digits that are no code around now."""
        taken = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in ("000000", "111111", *map(str, range(222222, 222230))) if code not in taken)


def recovery_codes_in(page: str) -> list[str]:
    """Return the codes that a page shows, which can also be downloaded."""
    codes = re.findall(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b", page.partition("<pre>")[2].partition("</pre>")[0])
    assert all(code in page.partition('href="data:text/plain')[2] for code in codes)
    return codes

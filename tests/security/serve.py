"""The site over TLS, as visitors of production see it, for scanners: `python -m tests.security.serve FOLDER`.

Prints its address, a visitor's cookie and one of somebody who is logged in, then waits to be ended.
"""

import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.integration.stack import NOTHING_SET, Stack
from tests.integration.tls import Tls, TlsVisitor
from tests.processes import migrate


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    tls = Tls(folder)
    settings = {
        "INSTANCE_PATH": str(folder / "instance"),
        "DATABASE_URL": f"sqlite:///{folder / 'site.db'}",
        "CELERY_BROKER_URL": "embedded://localhost",
        "PUBLIC_URL": tls.url,
        "ARGON2_PARAMETERS": "m=8,t=1,p=1",
    }
    migrate({**NOTHING_SET, **settings})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with ExitStack() as exits:
        Stack(folder, exits, settings).start_web(**tls.names)
        visitor, member = TlsVisitor(tls), TlsVisitor(tls)
        member.headers["Referer"] = tls.url
        member.sign_up("alice")
        member.log_in("alice@example.com")
        for one in (visitor, member):
            one.get("/accounts/email/resend/")  # the tokens of forms belong to the cookie from here on
        cookies = [";".join(f"{name}={value}" for name, value in one.cookies.items()) for one in (visitor, member)]
        print(tls.url, *cookies, flush=True)
        signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

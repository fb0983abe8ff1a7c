"""Create the missing secrets of a Compose deployment.

`docker compose run --rm -T init python /init.py set NAME < file` replaces a secret of the application. `... rotate`
creates a new secret key and keeps the earlier ones as fallbacks.
"""

import os
import secrets
import sys
from pathlib import Path

FOLDER = Path("/secrets")  # one volume for each reader
READERS = {"app": 10001, "db": 999, "redis": 999}  # the users that the containers run as


def main(*words: str) -> None:
    """Run the command; without one, create the missing secrets."""
    os.umask(0o077)
    if words == ("rotate",):
        rotate()
    elif len(words) == 2 and words[0] == "set":  # noqa: PLR2004
        write(f"app/{words[1]}", sys.stdin.read().strip())
    elif not words:
        make()
    else:
        sys.exit(__doc__)


def make() -> None:
    """Create every missing secret."""
    database = keep("db/password", secrets.token_hex(32))
    broker = keep("redis/redis.conf", f"requirepass {secrets.token_hex(32)}").split()[1]
    keep("app/database_url", f"postgresql://flaskcelery:{database}@db/flaskcelery")
    keep("app/celery_broker_url", f"redis://:{broker}@redis:6379/0")
    keep("app/secret_key", secrets.token_hex(32))
    keep("app/secret_key_fallbacks", "")


def rotate() -> None:
    """Replace the secret key; what the old one signed stays valid."""
    earlier = [(FOLDER / f"app/{name}").read_text() for name in ("secret_key", "secret_key_fallbacks")]
    write("app/secret_key_fallbacks", " ".join(earlier).strip())
    write("app/secret_key", secrets.token_hex(32))


def keep(name: str, text: str) -> str:
    """Return the content of the file; create it with `text` if it is missing."""
    path = FOLDER / name
    if not path.exists():
        write(name, text)
    return path.read_text()


def write(name: str, text: str) -> None:
    """Write a file atomically, readable only by its user."""
    path = FOLDER / name
    new = path.with_name(f".{path.name}")
    new.unlink(missing_ok=True)
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    owner = READERS[path.parent.name]
    os.chown(new, owner, owner)
    new.replace(path)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Readable log lines; addresses are masked in them."""

import logging

FORMAT = "{asctime} {levelname} [{name}] {message}"


def init_logs(level: str) -> None:
    """Log to standard error, unless the process has set up logging already."""
    logging.basicConfig(format=FORMAT, style="{", level=logging.INFO)
    logging.getLogger("flaskcelery").setLevel(level)
    for chatty in ("celery.worker.strategy", "celery.app.trace"):  # two lines for each message, beside our own
        logging.getLogger(chatty).setLevel(logging.WARNING)


def mask(email: str) -> str:
    """Return the address with most of its local part hidden: `a***@example.com`."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}***@{domain}"

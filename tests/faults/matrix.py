"""All scenarios, by what they hit, and the protections that can be left out."""

import importlib

GROUPS = ("web", "workers", "redis", "databases", "disks", "smtp", "races", "clocks", "releases")

# What is left out (see hooks/sitecustomize.py): the scenario that has to notice, and its database.
UNPROTECTED = {
    "relay": ("web_killed_before_publish", "sqlite"),
    "transaction": ("web_killed_before_commit", "postgres"),
    "claim": ("same_message_fifty_times", "postgres"),
    "late": ("relay_frozen_after_claim", "sqlite"),
    "record_retry": ("postgres_away_before_record", "postgres"),
    "quit": ("smtp_drops_at_quit", "sqlite"),
    "deadlines": ("smtp_drips", "sqlite"),
    "back_off": ("smtp_refusing", "sqlite"),
    "key_fallbacks": ("secret_key_changed", "sqlite"),
    "cookie_age": ("web_clock_behind", "postgres"),
}


def load_scenarios() -> None:
    """Fill the table of scenarios."""
    for group in GROUPS:
        importlib.import_module(f"tests.faults.matrix_{group}")

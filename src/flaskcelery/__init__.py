"""Sign-up, log-in and a welcome mail that is never lost."""

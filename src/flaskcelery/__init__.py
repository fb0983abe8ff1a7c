"""Sign-up, login and a welcome email that is never lost."""

"""Log in, log out, reset a password."""

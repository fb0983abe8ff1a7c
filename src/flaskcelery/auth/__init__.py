"""Log in, log out, and reset a password."""

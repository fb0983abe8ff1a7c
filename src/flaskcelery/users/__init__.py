"""Who: accounts, their names, passwords and login sessions."""

"""Accounts: names, emails, passwords, login sessions, and the rules that several features share."""

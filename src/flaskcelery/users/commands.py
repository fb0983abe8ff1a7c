"""`flask users ...`: what an operator does with accounts."""

from flask.cli import AppGroup

commands = AppGroup("users", help="Accounts.")

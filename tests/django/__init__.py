"""Verdicts compared with those of Django itself, where the same ones are promised."""

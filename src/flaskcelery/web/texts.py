"""Texts that visitors type, as they are kept."""

from unicodedata import category

NO_TEXT = {"Cc", "Cs"}  # the categories of control characters and of halves of characters


def clean(text: str | None) -> str:
    """Return the text without control characters, which Postgres or a browser refuses; lines end with a newline."""
    lines = (text or "").strip().splitlines()
    return "\n".join("".join(each for each in line if each == "\t" or category(each) not in NO_TEXT) for line in lines)


def clean_line(text: str | None) -> str:
    """Return the text in one line, with single spaces."""
    return " ".join(clean(text).split())

"""Names that look alike: their skeletons (Unicode Technical Standard 39) are equal."""

import functools
import hashlib
import importlib
import unicodedata
from typing import Any

# Letters that show nothing: the Hangul fillers (no other default-ignorable character is a letter), and two blanks.
INVISIBLE = frozenset("\u115f\u1160\U00013441\U00013442")
LEFT_TO_RIGHT_MARK = "\u200e"  # the library's data has it around letters that are written from right to left


def skeleton_digest(name: str) -> str:
    """Return the same hash for names that look alike. Their skeleton itself can be too long for an index."""
    skeleton = _decompose(_decompose(name).translate(_prototypes())).casefold()
    return hashlib.sha256(skeleton.encode()).hexdigest()


def mixes_alphabets(name: str) -> bool:
    """Return whether a name has letters of several alphabets, some of which look like letters of another."""
    return bool(_confusables().is_dangerous(name))


@functools.cache
def _confusables() -> Any:
    """Import the library when a name is made: it reads its tables then, which few processes need."""
    return importlib.import_module("confusable_homoglyphs.confusables")


@functools.cache
def _prototypes() -> dict[int, str]:
    """Return the character, or characters, that stand for each one that looks like them: `rn` for `m`."""
    looks = _confusables().confusables_data  # each character with those that it looks like, in both directions
    by_size = sorted(looks, key=lambda one: (len(looks[one]), len(one)), reverse=True)
    prototypes: dict[str, str] = {}
    for prototype in by_size:
        if _plain(prototype) not in prototypes:
            prototypes |= {_plain(other["c"]): _plain(prototype) for other in looks[prototype]}
    return {ord(one): prototype for one, prototype in prototypes.items() if len(one) == 1}


def _plain(text: str) -> str:
    return text.strip(LEFT_TO_RIGHT_MARK)


def _decompose(text: str) -> str:
    return unicodedata.normalize("NFD", text)

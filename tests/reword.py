"""Other words in every template, as a product would have: `python -m tests.reword` changes each sentence in place."""

import codecs
import re
from pathlib import Path

# The last one stands for the blocks that name a class.
JINJA = re.compile(r"\{#.*?#\}|\{% block (?:width|tint) %\}.*?\{% endblock %\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
HELD = re.compile(r"\ue000(\d+)\ue001")
# What of a page is no text: comments, styles, tags, entities, and the Jinja that is held out meanwhile.
MARKUP = re.compile(r"(<!--.*?-->|<style>.*?</style>|<[^>]*>|&\w+;|\ue000\d+\ue001)", re.DOTALL)
ATTRIBUTE = re.compile(r'(?<= )(aria-label|title|alt)="([^"]*)"')
# Inside Jinja, a text begins with a capital letter or has three words, and is no key of a dictionary.
STRING = re.compile(r'"([^"]*)"(:?)')
TEXT = re.compile(r"\W*([A-Z][a-z’]*|[A-Z][\w’-]*[ ,:][^%{}]*|[a-z]+ [a-z]+ [^%{}]*)")


def reword(template: str) -> str:
    """Return the template with other words in its texts, and with the same elements, attributes and values."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(STRING.sub(reword_string, found[0]))
        return f"\ue000{len(held) - 1}\ue001"

    parts = MARKUP.split(JINJA.sub(hold, template))
    parts[::2] = map(scramble, parts[::2])
    parts[1::2] = [ATTRIBUTE.sub(lambda text: f'{text[1]}="{scramble(text[2])}"', part) for part in parts[1::2]]
    return HELD.sub(lambda found: held[int(found[1])], "".join(parts))


def reword_string(found: re.Match[str]) -> str:
    return f'"{scramble(found[1])}"' if TEXT.fullmatch(found[1]) and not found[2] else found[0]


def scramble(text: str) -> str:
    """Return other words of the same length, with the same capital letters, signs and numbers."""
    return codecs.encode(text, "rot13")


def reword_all(source: Path) -> None:
    """Change every template below a folder."""
    for path in source.rglob("templates/**/*.*"):
        path.write_text(reword(path.read_text()))


if __name__ == "__main__":
    reword_all(Path("src"))

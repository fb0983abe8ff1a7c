"""The elements of a page. Whatever text it shows, it has those of the same page with a harmless text, and no others."""

from functools import lru_cache
from html.parser import HTMLParser
from typing import Any


class Elements(HTMLParser):
    """Collects which elements a page has, with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[Any, ...]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element; where a link leads to has to be a path of this site."""
        schemes = {"" if (value or "").startswith("/") else value for name, value in attrs if name in {"href", "src"}}
        self.found.add((tag, *sorted(name for name, _ in attrs), *schemes))


@lru_cache(maxsize=16)  # many answers to hostile texts are the same page
def elements_of(page: str) -> frozenset[tuple[Any, ...]]:
    """Return the page's elements."""
    parser = Elements()
    parser.feed(page)
    return frozenset(parser.found)

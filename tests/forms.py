"""The forms of a page, filled in."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.conftest import PASSWORD

VALUES = {
    "password": PASSWORD,
    "email": "somebody@example.com",
    "date": "2031-02-03",
    "datetime-local": "2031-02-03T04:05",
    "checkbox": "y",
    "number": "1",
}


class Forms(HTMLParser):
    """Collects the fields of each form, by the path that it is sent to, each with a harmless value."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self.values: dict[str, str] = {}  # of the last form
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form or a field; the first choice of a select is its value."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.values = self.found.setdefault(given.get("action", ""), {})
        if tag == "option" and self.select not in self.values:
            self.values[self.select] = given.get("value", "")
        if "name" in given:
            self.select = given["name"] if tag == "select" else ""
            if tag in {"input", "textarea"}:
                is_typed = given.get("type") != "hidden" and "tabindex" not in given  # a trap for bots stays empty
                self.values[given["name"]] = VALUES.get(given.get("type", ""), "harmless" if is_typed else "")
                if given["name"] == "csrf_token":
                    self.values["csrf_token"] = given.get("value", "")


def forms_of(page: str) -> dict[str, dict[str, str]]:
    """Return the fields of each form of a page, by the path that it is sent to."""
    parser = Forms()
    parser.feed(page)
    return parser.found

"""What is measured in a page: axe, sideways scroll, WCAG's text spacing, forced colours, the edges of controls."""

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.npm import find_package

WIDTHS = (320, 390, 1280)
THEMES = ("light", "dark")
HEIGHT = 900
SCRIPT = Path(__file__).with_name("measures.js")


@cache
def read_scripts() -> str:
    """Return axe and our own measures, as one function."""
    return f"() => {{ {find_package('axe-core/axe.min.js').read_text()}\n{SCRIPT.read_text()} }}"


def measure(page: Page, *names: str) -> list[str]:
    """Return the faults that these measures find in the page as it is shown now."""
    return [fault for name in names for fault in page.evaluate(f"measures.{name}()")]


def find_faults(page: Page) -> list[str]:
    """Return every fault of the page, with the widths and themes in which it is there."""
    page.evaluate(read_scripts())
    faults: dict[str, list[str]] = {}
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            for fault in measure(page, "axe", "wide", "edges"):
                faults.setdefault(fault, []).append(f"{width} {theme}")
    return [f"{fault} ({', '.join(where)})" for fault, where in faults.items()] + find_stress_faults(page)


def find_stress_faults(page: Page) -> list[str]:
    """Return what goes wrong for people who choose colours or text spacing themselves."""
    page.emulate_media(color_scheme="light", forced_colors="active")
    found = measure(page, "borders", "bars")
    page.emulate_media(forced_colors="none")
    page.evaluate("measures.space()")
    for width in (WIDTHS[0], WIDTHS[-1]):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found += [f"text spacing, {width}: {fault}" for fault in measure(page, "wide", "cut")]
    return found

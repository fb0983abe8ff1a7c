"""What is measured in a page: axe, sideways scroll, WCAG's text spacing, forced colours, the edges of controls."""

from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.browser.npm import find_package

WIDTHS = (320, 390, 1280)
THEMES = ("light", "dark")
# WCAG 2.2, A and AA, and what else axe advises. `target-size` is off unless it is asked for.
AXE = """async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];
  const options = {runOnly: {type: "tag", values: tags}, rules: {"target-size": {enabled: true}}, resultTypes: ["violations"]};
  const {violations} = await axe.run(document, options);
  return violations.flatMap(({id, nodes}) => nodes.map(node => `${id}: ${node.target} ${node.failureSummary.split("\\n").pop()}`));
}"""
# What is wider than the window, innermost first; what scrolls by itself may be.
WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const wide = [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > room + 0.5);
  const name = each => each.tagName.toLowerCase() + (each.className ? "." + each.className : "");
  return [`scrolls sideways: ${document.documentElement.scrollWidth} of ${room} px: ` + wide.reverse().slice(0, 3).map(name)];
}"""
# WCAG 1.4.12. A sheet that is made by a script is not subject to the CSP.
SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* {line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important}
    p {margin-bottom: 2em !important}`);
  document.adoptedStyleSheets = [sheet];
}"""
# Text that its own box cuts off, without dots that say so; boxes of a pixel or two are for screen readers.
CUT = """() => [...document.querySelectorAll("body *")].filter(each => {
  const style = getComputedStyle(each), hides = ["hidden", "clip"].includes(style.overflowX);
  const cuts = each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1;
  return hides && cuts && style.textOverflow !== "ellipsis" && each.clientWidth > 2 && each.innerText?.trim();
}).map(each => `text is cut off: ${each.tagName} ${each.className}`)"""
# WCAG 1.4.11: a control's border or background stands out from what is around it by 3:1. Boxes to tick that the browser
# draws are its own affair, and a button without border and background is text.
EDGES = """forced => {
  const parse = color => (color.match(/[\\d.]+/g) || []).map(Number);
  const over = ([r, g, b, a = 1], under) => [r, g, b].map((part, i) => part * a + under[i] * (1 - a));
  const around = each => {
    const layers = [];
    for (; each; each = each.parentElement) layers.push(parse(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const light = color => {
    const [r, g, b] = color.map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, two) => {
    const [low, high] = [light(one), light(two)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const controls = "input:not([type=hidden]), select, textarea, button, a.button";
  return [...document.querySelectorAll(controls)].flatMap(each => {
    const style = getComputedStyle(each), rect = each.getBoundingClientRect();
    const native = each.matches("[type=checkbox], [type=radio]") && style.appearance !== "none";
    if (native || rect.width < 3 || !each.checkVisibility({visibilityProperty: true})) return [];
    const under = around(each.parentElement), border = parse(style.borderTopColor), ground = parse(style.backgroundColor);
    const sides = ["Top", "Right", "Bottom", "Left"].map(side => parseFloat(style[`border${side}Width`]));
    const edge = Math.min(...sides) > 0 && (border[3] ?? 1) > 0 ? contrast(over(border, under), under) : 1;
    const fill = contrast(over(ground, under), under);
    const name = `${each.tagName.toLowerCase()} ${each.className} "${each.name || each.innerText}"`;
    if (forced) return Math.min(...sides) >= 1 && style.borderTopStyle !== "none" ? [] : [`no border in forced colours: ${name}`];
    const isText = each.matches("button, a") && edge === 1 && fill === 1;
    const best = Math.max(edge, fill);
    return isText || best >= 3 ? [] : [`edge of ${best.toFixed(2)}:1: ${name}`];
  });
}"""
BARS = """() => [...document.querySelectorAll("svg.chart rect, svg.chart path")].filter(each =>
  ![getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor, "none"]
    .includes(getComputedStyle(each).fill)).slice(0, 1).map(() => "a chart's bars keep their colour in forced colours")"""


@cache
def axe_source() -> str:
    """Return the script that finds faults of accessibility."""
    return find_package("axe-core/axe.min.js").read_text()


def find_faults(page: Page) -> list[str]:
    """Return every fault of the page, with the widths and themes in which it is there."""
    page.evaluate(f"() => {{ {axe_source()} }}")
    faults: dict[str, list[str]] = {}
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for fault in [*page.evaluate(AXE), *page.evaluate(WIDE), *page.evaluate(EDGES, False)]:
                faults.setdefault(fault, []).append(f"{width} {theme}")
    return [f"{fault} ({', '.join(where)})" for fault, where in faults.items()] + find_stress_faults(page)


def find_stress_faults(page: Page) -> list[str]:
    """Return what goes wrong for people who set colours or text spacing themselves."""
    page.emulate_media(color_scheme="light", forced_colors="active")
    found: list[Any] = [*page.evaluate(EDGES, True), *page.evaluate(BARS)]
    page.emulate_media(forced_colors="none")
    page.evaluate(SPACING)
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"text spacing, {width}: {fault}" for fault in [*page.evaluate(WIDE), *page.evaluate(CUT)]]
    return found

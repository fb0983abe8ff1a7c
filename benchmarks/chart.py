"""The chart of `make bench`. The drawing library changes how this process imports: no test must load it."""

import pygal
from pygal.style import CleanStyle

from benchmarks.report import FOLDER, Measured, find_rows, median


def draw_results(measured: Measured) -> None:
    """Draw how far each figure is from its target."""
    found = [(row.what, row.score(median(values).value)) for row, values in find_rows(measured)]
    scores = [(what, score) for what, score in reversed(found) if score is not None]
    chart = pygal.HorizontalBar(
        js=(), style=CleanStyle, show_legend=False, width=1000, height=60 + 28 * len(scores), no_prefix=True
    )
    chart.y_labels = 0, 0.5, 1, 1.5, 2
    chart.title = "Each figure as a share of its target (1 or more: reached; cut off at 2)"
    chart.x_labels = [what for what, _ in scores]
    chart.add("", [min(round(score, 2), 2) for _, score in scores])
    chart.render_to_file(str(FOLDER / "results.svg"))

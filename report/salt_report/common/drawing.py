"""A chart as SVG to stand in a page: in the page's colours, light or dark, and the same bytes every
time.

Matplotlib draws with stand-in colours, which become CSS variables of the page; text stays text. The
page's style sheet gives each of COLOURS its values.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

# Names of the CSS variables. INK is text and axes, GRID lines behind; the others are for data, and
# tell apart in light and dark, in grey, and by people who see fewer colours.
INK, GRID, MAIN, OTHER, THIRD = "ink", "grid", "main", "other", "third"
COLOURS = (INK, GRID, MAIN, OTHER, THIRD)

WIDTH, HEIGHT = 4.0, 2.8  # inches: as wide as a phone, at which text keeps its size

_SVG_DPI = 72  # of the format: what is measured before saving holds after it
_FIRST_STAND_IN = 0xFE0100  # a shade that nothing else uses, and those after it


def colour(name: str) -> str:
    """What to draw with for one of the COLOURS."""
    return f"#{_FIRST_STAND_IN + COLOURS.index(name):06x}"


_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "salt-report",
    "font.size": 9.0,
    "text.color": colour(INK),
    "axes.edgecolor": colour(INK),
    "axes.labelcolor": colour(INK),
    "xtick.color": colour(INK),
    "ytick.color": colour(INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": colour(GRID),
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    # A dollar sign is a dollar sign.
    "text.parse_math": False,
}


def chart(name: str, alt: str, draw: Callable[[Figure], None], height: float = HEIGHT) -> Markup:
    """Draw a chart.

    Args:
        name: of the chart, in letters; what is inside is named after it.
        alt: what it shows, for those who cannot see it.
        draw: puts axes and data into the figure.
        height: inches.

    Returns:
        An ``<svg>`` element without a size of its own.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained", dpi=_SVG_DPI)
        draw(figure)
        _keep_ticks(figure)
        written = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", metadata=nothing)
    return Markup(_embedded(written.getvalue(), name, alt))  # noqa: S704  ours, and its text escaped


def _keep_ticks(figure: Figure) -> None:
    """Fix the ticks. Which there are depends on the layout, but it leaves room for the labels that
    there were before it.
    """
    figure.draw_without_rendering()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_locator(), MaxNLocator):
                axis.set_major_locator(FixedLocator([float(at) for at in axis.get_majorticklocs()]))


def legend_above(figure: Figure) -> None:
    """A legend for the first axes, above all, where it hides no data."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)


def _embedded(svg: str, name: str, alt: str) -> str:
    """The element alone, its ids unique in the page, its colours those of the page."""
    body = svg[svg.index("<svg") :].strip()
    view = re.search(r'viewBox="([^"]+)"', body)
    assert view is not None
    opening = (
        f'<svg class="chart" viewBox="{view[1]}" role="img" aria-label="{escape(alt)}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    body = opening + body[body.index(">") + 1 :]
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    for each in COLOURS:
        body = body.replace(colour(each), f"var(--{each})")
    return body

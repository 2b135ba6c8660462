"""The charts of ``salt-report data``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from salt_report.common.drawing import INK, MAIN, OTHER, chart, colour, legend_above
from salt_report.common.page import metres
from salt_report.dataset.exploration import Depths
from salt_report.dataset.pixels import MEASURES

# Of pictures inside a chart, which cannot follow the page: seen on white and on black.
_DOT = "#4a90d9"
_BINS = 40
_LOGARITHMIC = ("noise",)


def depth_coverage(known: pd.DataFrame) -> Markup:
    """A dot a tile: depth and coverage."""
    deep = known.dropna(subset=["depth_m"])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        # As a picture: thousands of dots would be most of the page.
        axes.scatter(
            deep.depth_m, deep.coverage * 100, s=5, color=_DOT, alpha=0.45, linewidths=0,
            rasterized=True,
        )  # fmt: skip
        axes.set(xlabel="depth (m)", ylabel="salt (% of the tile)", ylim=(-3, 103))

    alt = (
        f"Scatter plot of coverage against depth of {len(deep)} tiles, "
        f"{metres(deep.depth_m.min())} to {metres(deep.depth_m.max())} m deep."
    )
    return chart("depthcoverage", alt, draw)


def depth_salt(depths: Depths) -> Markup:
    """Share of tiles with salt, and the coverage of these, in groups by depth."""
    groups = depths.groups
    middle = (groups.low + groups.high) / 2

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        reach = np.abs(groups[["salt_low", "salt_high"]].to_numpy() - groups[["salt"]].to_numpy())
        axes.errorbar(
            middle, groups.salt * 100, yerr=reach.T * 100, color=colour(MAIN), marker="o",
            markersize=4, linewidth=1.2, capsize=2, label="with salt, 95 % interval",
        )  # fmt: skip
        axes.plot(
            middle, groups.coverage * 100, color=colour(OTHER), marker="s", markersize=4,
            linestyle="--", linewidth=1.2, label="their mean coverage",
        )  # fmt: skip
        axes.set(
            xlabel="depth (m), middle of each group of tiles", ylabel="share (%)", ylim=(0, 100)
        )
        legend_above(figure)

    alt = "Share of tiles with salt by depth, the least deep group first: " + ", ".join(
        f"{share:.0%}" for share in groups.salt
    )
    return chart("depthsalt", alt + ".", draw)


def measure(known: pd.DataFrame, name: str) -> Markup:
    """Distribution of brightness, contrast or noise, of tiles with and without salt; black ones,
    which have none of these, are left out.
    """
    known = known[~known.black]
    salt = known.salt_px > 0

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        edges = bar_edges(known[name], name in _LOGARITHMIC)
        for part, label, shade, line in (
            (known[salt][name], "with salt", MAIN, "-"),
            (known[~salt][name], "without", OTHER, "--"),
        ):
            if len(part):
                # Zeros have no place on a logarithmic axis.
                drawn = part[part > 0] if name in _LOGARITHMIC else part
                zeros = f", {len(part) - len(drawn)} of 0 not shown"
                axes.hist(
                    drawn, bins=edges, weights=np.full(len(drawn), 100 / len(part)),
                    histtype="step", color=colour(shade), linestyle=line, linewidth=1.4,
                    label=f"{label} ({len(part)}{zeros if len(drawn) < len(part) else ''})",
                )  # fmt: skip
        axes.set(xlabel=MEASURES[name], ylabel="% of these tiles")
        if name in _LOGARITHMIC:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            # Matplotlib would name those between in TeX.
            axes.xaxis.set_minor_formatter(NullFormatter())
        legend_above(figure)

    medians = ", ".join(
        f"{part[name].median():.1f} {label}"
        for part, label in ((known[salt], "with salt"), (known[~salt], "without"))
        if len(part)
    )
    return chart(name, f"Histograms of the tiles' {name}. Median {medians}.", draw)


def bar_edges(values: pd.Series, logarithmic: bool) -> list[float]:
    """Edges of the bars, from the least to the largest value."""
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if logarithmic and len(values) and high > 0:  # zeros have no place on such an axis
        low = values[values > 0].min()
        return [float(edge) for edge in np.geomspace(low, max(high, 2 * low), _BINS)]
    return [float(edge) for edge in np.linspace(low, max(high, low + 1), _BINS)]


def where_salt_is(share: npt.NDArray[np.float64]) -> Markup:
    """How often each pixel is salt, over the tiles with salt."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        picture = axes.imshow(share * 100, cmap="viridis", interpolation="nearest")
        axes.set(xlabel="column (px)", ylabel="row (px)")
        axes.grid(visible=False)
        bar = figure.colorbar(picture, ax=axes, label="tiles with salt there (%)")
        bar.outline.set_edgecolor(colour(INK))

    rows = share.mean(axis=1)
    alt = (
        f"Map of how often each pixel is salt. The top row is salt in {rows[0]:.0%} of the tiles "
        f"with salt, the bottom row in {rows[-1]:.0%}."
    )
    return chart("wheresaltis", alt, draw)

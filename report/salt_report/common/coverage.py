"""How much salt masks have: counted, and drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from salt_infer.masks import coverage
from salt_report.common.drawing import MAIN, OTHER, chart, colour
from salt_report.common.kinds import Images

BIN_PERCENT = 5  # width of the histogram's bars
CLASS = "coverage_class"


def columns(masks: Images) -> dict[str, np.ndarray]:
    """Of each mask, uint8 [N, 101, 101], non-zero is salt: ``salt_px``, ``coverage`` (0..1) and
    ``coverage_class`` (0..10), [N] each.
    """
    salt = np.count_nonzero(masks, axis=(1, 2))
    share = salt / (masks.shape[1] * masks.shape[2])
    return {"salt_px": salt, "coverage": share, CLASS: coverage.coverage_class(masks)}


def histogram(known: pd.DataFrame) -> pd.Series:
    """Tiles with salt by coverage: count by the lower bound of each bar in per cent, 0, 5 .. 95.

    A bar holds what is above its lower bound, up to and with its upper one.
    """
    salt = known[known.salt_px > 0]
    number = np.ceil(salt.coverage * 100 / BIN_PERCENT).astype(int) - 1
    bounds = range(0, 100, BIN_PERCENT)
    counted = (number * BIN_PERCENT).value_counts()
    return counted.reindex(bounds, fill_value=0).rename_axis("percent")


def classes(known: pd.DataFrame) -> pd.Series:
    """Tiles of each coverage class 0..10."""
    counted = known[CLASS].value_counts()
    return counted.reindex(range(coverage.CLASSES), fill_value=0)


def draw_histogram(counts: pd.Series) -> Markup:
    """Tiles with salt by share of salt."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar(
            counts.index + BIN_PERCENT / 2, counts, width=0.9 * BIN_PERCENT, color=colour(MAIN)
        )
        axes.set(xlabel="salt (% of the tile)", ylabel="tiles", xlim=(0, 100))
        axes.grid(axis="x", visible=False)

    top = counts.idxmax()
    alt = (
        f"Histogram of the coverage of tiles with salt. The highest bar, {top} to "
        f"{top + BIN_PERCENT} %, has {counts.max()} of {counts.sum()} tiles."
    )
    return chart("coverage", alt, draw)


def draw_classes(counts: pd.Series) -> Markup:
    """Tiles of each coverage class."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        colours = [colour(OTHER), *[colour(MAIN)] * (len(counts) - 1)]
        bars = axes.bar(counts.index, counts, width=0.8, color=colours)
        axes.bar_label(bars, fontsize=7.5, padding=1)
        axes.set(xlabel="coverage class (tenths of the tile, rounded up)", ylabel="tiles")
        axes.set_xticks(counts.index)
        axes.grid(axis="x", visible=False)

    listed = ", ".join(f"{number}: {count}" for number, count in counts.items())
    return chart("classes", f"Bars of the tiles of each coverage class. {listed}.", draw)

"""The charts of ``salt-report look``."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from salt_report.common.drawing import MAIN, OTHER, chart, colour, legend_above


def confidence(classes: pd.DataFrame) -> Markup:
    """Tiles in classes of confidence, with a mask and without."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.barh(classes.index, classes.salt, height=0.7, color=colour(MAIN), label="with salt")
        ends = axes.barh(
            classes.index, classes.clear, height=0.7, left=classes.salt, color=colour(OTHER),
            label="without",
        )  # fmt: skip
        axes.bar_label(ends, labels=[str(count) for count in classes.tiles], fontsize=8, padding=3)
        axes.set(xlabel="tiles", ylabel="confidence", xlim=(0, max(classes.tiles.max(), 1) * 1.15))
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        legend_above(figure)

    listed = ", ".join(f"{row.Index}: {row.tiles}" for row in classes.itertuples())
    return chart("confidence", f"Bars of the tiles by confidence. {listed}.", draw)

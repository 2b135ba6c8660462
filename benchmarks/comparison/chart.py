"""Tiles a second of each contender, with the spread over rounds, as a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.patches import Patch

from comparison.roster import CONTENDERS, Group
from comparison.standings import Standing

COLOURS: Mapping[Group, str] = {
    "notebook": "#8c8c8c", "PyTorch": "#d95f02", "ONNX Runtime": "#7570b3", "OpenVINO": "#e6ab02",
    "salt-infer": "#1b9e77", "the study's network": "#66a3d2",
}  # fmt: skip


def draw(standings: Sequence[Standing], path: Path) -> None:
    """Write the picture: a bar a contender from its median, whiskers from slowest to fastest."""
    titles = [CONTENDERS[each.name].title for each in standings]
    rates = [each.rate for each in standings]
    spread = [
        [each.rate - min(each.rates) for each in standings],
        [max(each.rates) - each.rate for each in standings],
    ]
    figure, axes = pyplot.subplots(figsize=(9, 1.4 + 0.36 * len(standings)), layout="constrained")
    colours = [COLOURS[each.group] for each in standings]
    axes.barh(titles, rates, color=colours, xerr=spread, error_kw={"capsize": 3})
    for place, each in enumerate(standings):
        text = f" {each.rate:.1f}   {each.answer.caption}"
        axes.text(max(each.rates), place, f" {text}", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3 * max(max(each.rates) for each in standings))
    axes.set_xlabel("tiles/s, PNGs to CSV with flip TTA, after start-up")
    axes.spines[["top", "right"]].set_visible(False)
    shown = dict.fromkeys(each.group for each in standings)
    keys = [Patch(color=COLOURS[group], label=group) for group in shown]
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys), frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)

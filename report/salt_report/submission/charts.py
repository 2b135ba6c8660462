"""The charts of ``salt-report evaluate``."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salt_report.common.drawing import INK, MAIN, OTHER, THIRD, chart, colour, legend_above
from salt_report.submission.judge import Judge, Roc
from salt_report.submission.outcomes import Headline
from salt_report.submission.sweeps import Sweep

_TALL = 3.4  # inches
_WITHIN = (-0.03, 1.03)  # 0..1 with room for the marks at its ends


def thresholds(shares: pd.DataFrame, head: Headline) -> Markup:
    """Precision at each IoU threshold."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _line(axes, shares["all"], MAIN, "o", "all tiles")
        _line(axes, shares["salt_in_both"], OTHER, "s", "tiles with salt in both masks", "--")
        axes.axhline(head.all_empty, color=colour(INK), linestyle=":", label="all masks empty")
        axes.set(xlabel="IoU threshold", ylabel="share of tiles above it", ylim=(0, 1.03))
        legend_above(figure)

    listed = ", ".join(f"{iou:.2f}: {share:.3f}" for iou, share in shares["all"].items())
    return chart("thresholds", f"Share of all tiles above each IoU threshold. {listed}.", draw)


def groups(counts: pd.DataFrame) -> Markup:
    """Tiles of each score group, those with salt and those without."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        place = counts.index / 10
        axes.bar(place, counts.salt, width=0.08, color=colour(MAIN), label="with salt")
        top = axes.bar(
            place, counts["empty"], width=0.08, bottom=counts.salt, color=colour(OTHER),
            label="without",
        )  # fmt: skip
        axes.bar_label(top, labels=[str(count) for count in counts.tiles], fontsize=7.5, padding=1)
        axes.set(xlabel="score of the tile", ylabel="tiles")
        axes.set_xticks(place)
        axes.grid(axis="x", visible=False)
        legend_above(figure)

    listed = ", ".join(f"{group / 10:.1f}: {count}" for group, count in counts.tiles.items())
    return chart("groups", f"Bars of the tiles of each score. {listed}.", draw)


def losses(lost: pd.DataFrame) -> Markup:
    """Points lost by cause."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        bars = axes.barh(lost.index, lost.points, height=0.6, color=colour(MAIN))
        labels = [f"{row.points:.3f}, {row.tiles} tiles" for row in lost.itertuples()]
        axes.bar_label(bars, labels=labels, padding=3, fontsize=8)
        axes.set(xlabel="points of the score", xlim=(0, max(lost.points.max(), 1e-3) * 1.55))
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)

    listed = ", ".join(f"{row.Index} {row.points:.4f}" for row in lost.itertuples())
    return chart("losses", f"Bars of the points lost by cause: {listed}.", draw, height=1.9)


def by_class(parts: pd.DataFrame) -> Markup:
    """Score by coverage class, with intervals."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        numbers = [int(name) for name in parts.index]
        # A bootstrap interval of few tiles may leave their mean out by a rounding error.
        reach = [(parts.score - parts.low).clip(0), (parts.high - parts.score).clip(0)]
        axes.errorbar(
            numbers, parts.score, yerr=reach, fmt="o", color=colour(MAIN), markersize=4, capsize=2
        )
        labels = [f"{row.Index}\n{row.tiles}" for row in parts.itertuples()]
        axes.set_xticks(numbers, labels)
        axes.set(
            xlabel="coverage class, and tiles in it", ylabel="score, 95 % interval", ylim=_WITHIN
        )
        axes.grid(axis="x", visible=False)

    listed = ", ".join(f"{row.Index}: {row.score:.3f}" for row in parts.itertuples())
    return chart("byclass", f"Score by coverage class. {listed}.", draw)


def roc(curve: Roc) -> Markup:
    """The judge's receiver operating characteristic."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=colour(INK), linestyle=":", linewidth=1, label="chance")
        axes.plot(
            curve.false_rate, curve.true_rate, color=colour(MAIN), linewidth=1.6,
            label=f"judge, area {curve.area:.3f}",
        )  # fmt: skip
        axes.set(
            xlabel="share of empty tiles called salt", ylabel="share of salt tiles called salt",
            xlim=_WITHIN, ylim=_WITHIN, aspect="equal",
        )  # fmt: skip
        legend_above(figure)

    return chart("roc", f"ROC curve of the judge; the area below is {curve.area:.3f}.", draw, _TALL)


def calibration(judge: Judge) -> Markup:
    """What the judge says against what there is, and how often it says it."""
    bins = judge.bins

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=colour(INK), linestyle=":", linewidth=1, label="honest")
        upper.errorbar(
            bins.said, bins.found, yerr=[bins.found - bins.found_low, bins.found_high - bins.found],
            fmt="o-", color=colour(MAIN), markersize=4, linewidth=1.2, capsize=2,
            label="judge, 95 % interval",
        )  # fmt: skip
        upper.set(ylabel="share with salt", ylim=_WITHIN, xlim=_WITHIN)
        legend_above(figure)
        middle = (bins.low + bins.high) / 2
        bars = lower.bar(middle, bins.tiles, width=0.09, color=colour(OTHER))
        lower.bar_label(bars, fontsize=7, padding=1)
        lower.set(xlabel="probability of salt, as the judge says", ylabel="tiles")
        lower.margins(y=0.35)
        lower.grid(axis="x", visible=False)

    listed = ", ".join(
        f"{row.low:.1f} to {row.high:.1f}: {row.found:.0%} of {row.tiles}"
        for row in bins.itertuples()
    )
    return chart("calibration", f"Share of tiles with salt by probability. {listed}.", draw, _TALL)


def border(everywhere: pd.DataFrame, inside: pd.DataFrame | None) -> Markup:
    """Wrong pixels by distance from the tile's edge."""
    panels = [("all tiles", everywhere)]
    if inside is not None:
        panels.append(("tiles with salt in both masks", inside))

    def draw(figure: Figure) -> None:
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (title, profile) in zip(rows, panels, strict=True):
            _line(axes, profile.missed * 100, MAIN, "", "salt missed")
            _line(axes, profile.false * 100, OTHER, "", "false salt", "--")
            axes.set_title(title, fontsize=9, loc="left")
            axes.set(ylabel="% of pixels", ylim=(0, None))
        legend_above(figure)
        rows[-1].set_xlabel("distance from the tile's edge (px)")

    wrong = everywhere.missed + everywhere.false
    alt = (
        f"Share of wrong pixels by distance from the edge, all tiles: {wrong.iloc[0]:.1%} at the "
        f"edge, {wrong.iloc[len(wrong) // 2]:.1%} at {len(wrong) // 2} px, {wrong.iloc[-1]:.1%} in "
        "the middle."
    )
    return chart("border", alt, draw, _TALL if inside is not None else 2.4)


def by_threshold(sweep: Sweep) -> Markup:
    """Score by threshold at the gate given."""
    label = f"score at gate {sweep.gate:.3g}"
    return _swept("bythreshold", sweep.by_threshold, sweep.threshold, "threshold of a pixel", label)


def by_gate(sweep: Sweep) -> Markup:
    """Score by gate at the threshold given."""
    label = f"score at threshold {sweep.threshold:.3g}"
    return _swept("bygate", sweep.by_gate, sweep.gate, "gate of a tile", label)


def grid(sweep: Sweep) -> Markup:
    """Score of each pair of threshold and gate."""
    threshold, gate, best = sweep.best

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        # Edges of their own: browsers leave gaps between areas that only touch.
        mesh = axes.pcolormesh(
            sweep.grid.columns, sweep.grid.index, sweep.grid, shading="nearest", cmap="viridis",
            edgecolors="face", linewidth=0.4,
        )  # fmt: skip
        for x, y, marker in ((sweep.gate, sweep.threshold, "X"), (gate, threshold, "*")):
            axes.plot(
                x, y, marker=marker, markersize=11, markerfacecolor="white",
                markeredgecolor="black", clip_on=False,
            )  # fmt: skip
        axes.set(xlabel="gate of a tile", ylabel="threshold of a pixel")
        axes.grid(visible=False)
        bar = figure.colorbar(mesh, ax=axes, label="score")
        bar.outline.set_edgecolor(colour(INK))

    alt = f"Map of the score by gate and threshold; best {best:.4f} at {gate:.2f}, {threshold:.2f}."
    return chart("grid", alt, draw)


def two_groups(first: pd.DataFrame, other: pd.DataFrame) -> Markup:
    """Score groups of two submissions, side by side."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for shift, counts, shade, label in (
            (-0.02, first, MAIN, "submission"), (0.02, other, OTHER, "other"),
        ):  # fmt: skip
            axes.bar(
                counts.index / 10 + shift, counts.tiles, width=0.038, color=colour(shade),
                label=label,
            )  # fmt: skip
        axes.set(xlabel="score of the tile", ylabel="tiles")
        axes.set_xticks(first.index / 10)
        axes.grid(axis="x", visible=False)
        legend_above(figure)

    listed = ", ".join(
        f"{group / 10:.1f}: {first.tiles[group]} and {other.tiles[group]}" for group in first.index
    )
    return chart("twogroups", f"Tiles of each score, submission and other. {listed}.", draw)


def differences(changed: pd.DataFrame) -> Markup:
    """How far the tiles moved that did."""
    tenths = (changed.difference * 10).round().astype(int)
    counts = tenths.value_counts().reindex(range(-10, 11), fill_value=0)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        shades = [colour(OTHER if tenth < 0 else MAIN) for tenth in counts.index]
        axes.bar(counts.index / 10, counts, width=0.08, color=shades)
        axes.axvline(0, color=colour(INK), linewidth=0.8)
        axes.set(xlabel="score of the tile, submission minus other", ylabel="tiles that changed")
        axes.grid(axis="x", visible=False)

    alt = (
        f"Histogram of the differences: {counts[counts.index > 0].sum()} tiles better, "
        f"{counts[counts.index < 0].sum()} worse."
    )
    return chart("differences", alt, draw)


def _swept(name: str, scores: pd.Series, given: float, what: str, label: str) -> Markup:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _line(axes, scores, MAIN, "o", label)
        axes.axvline(given, color=colour(THIRD), linestyle="--", label=f"given: {given:.3g}")
        axes.set(xlabel=what, ylabel="score", xlim=(-0.02, 1.0))
        legend_above(figure)

    alt = (
        f"Score by {what}: highest {scores.max():.4f} at {scores.idxmax():.2f}, lowest "
        f"{scores.min():.4f} at {scores.idxmin():.2f}."
    )
    return chart(name, alt, draw)


def _line(
    axes: Axes, values: pd.Series, shade: str, marker: str, label: str, style: str = "-"
) -> None:
    axes.plot(
        values.index, values, color=colour(shade), marker=marker, markersize=4, linestyle=style,
        linewidth=1.4, label=label,
    )  # fmt: skip

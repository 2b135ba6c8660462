"""All that can be said of a submission, in numbers."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from salt_infer import __version__
from salt_infer.data.probabilities import Probabilities
from salt_infer.masks.coverage import Sides
from salt_infer.masks.metric import NEUTRAL_GATE, NEUTRAL_THRESHOLD
from salt_infer.masks.orientation import Fit
from salt_report.common.kinds import Images, flags
from salt_report.common.reading import Submission
from salt_report.submission import borders, judge, outcomes, pairs, sweeps
from salt_report.submission.borders import Cropped
from salt_report.submission.judge import Judge
from salt_report.submission.outcomes import Headline, PixelCounts, Presence
from salt_report.submission.pairs import Pairs
from salt_report.submission.sweeps import Sweep


@dataclasses.dataclass(frozen=True)
class Case:
    """What is to be evaluated: N tiles, all arrays in the order of ``ids``.

    Attributes:
        ids: N ids.
        truth: true masks, uint8 [N, 101, 101].
        submission: predicted masks.
        tiles: uint8 [N, 101, 101], where they were given.
        other: a second submission, where it was given.
        probabilities: of the network, where they were given.
        threshold, gate: the pair that sweeps of the probabilities vary one of.
        unscored: labelled tiles that not all submissions have.
        unlabelled: tiles of the submissions that have no label.
    """

    ids: tuple[str, ...]
    truth: Images
    submission: Submission
    tiles: Images | None = None
    other: Submission | None = None
    probabilities: Probabilities | None = None
    threshold: float = NEUTRAL_THRESHOLD
    gate: float = NEUTRAL_GATE
    unscored: int = 0
    unlabelled: int = 0


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The answers; see the functions of the same names in the modules of the parts.

    Attributes:
        outcome: a row a tile.
        border_inside: the border's profile for tiles with salt in both masks, if there are any.
        judge: None where the submission has no column ``salt``.
        sweep: None without probabilities.
        pairs, other_groups: None without a second submission.
        unscored: labelled tiles that not all submissions have.
        unlabelled: tiles of the submissions that have no label.
        warnings: what all true masks have in common that they should not, and whether they lie
            another way round than the predicted ones; a sentence each.
    """

    outcome: pd.DataFrame
    headline: Headline
    thresholds: pd.DataFrame
    groups: pd.DataFrame
    presence: Presence
    pixels: PixelCounts
    losses: pd.DataFrame
    by_class: pd.DataFrame
    by_kind: pd.DataFrame
    cropped: Cropped
    border: pd.DataFrame
    border_inside: pd.DataFrame | None
    judge: Judge | None
    sweep: Sweep | None
    pairs: Pairs | None
    other_groups: pd.DataFrame | None
    unscored: int
    unlabelled: int
    warnings: tuple[str, ...]

    def to_json(self, inputs: Sequence[Mapping[str, str]]) -> str:
        """All of it, indented, with a line end; ``inputs`` say what it was made from."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        value = {"version": __version__, "inputs": list(inputs), **fields}
        return json.dumps(_plain(value), indent=1, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """``outcome`` with each tile's Dice; beside a second submission also that one's score."""
        table = self.outcome.assign(dice=outcomes.dice(self.outcome.iou))
        if self.pairs is not None:
            more = self.pairs.changed.difference.reindex(table.index, fill_value=0.0)
            table = table.assign(other_score=(table.score - more).round(1))
        return str(table.to_csv(lineterminator="\n"))


def evaluate(case: Case) -> Evaluation:
    """Count everything."""
    truth, predicted, pixels = case.truth, case.submission.masks, case.truth[0].size
    outcome = outcomes.table(case.ids, truth, predicted)
    both = ((outcome.truth_px > 0) & (outcome.predicted_px > 0)).to_numpy()
    everywhere = np.ones(len(both), dtype=bool)
    salt, given, other = case.submission.salt, case.probabilities, _other(case)
    return Evaluation(
        outcome=outcome,
        headline=outcomes.headline(outcome, pixels),
        thresholds=outcomes.at_thresholds(outcome),
        groups=outcomes.groups(outcome),
        presence=outcomes.presence(outcome, pixels),
        pixels=outcomes.pixel_counts(outcome, pixels),
        losses=outcomes.losses(outcome),
        by_class=outcomes.by_class(outcome),
        by_kind=outcomes.of_parts(outcome, flags(truth, case.tiles)),
        cropped=borders.cropped(truth, predicted),
        border=borders.profile(truth, predicted, everywhere),
        border_inside=borders.profile(truth, predicted, both) if both.any() else None,
        judge=None if salt is None else judge.examine(salt, (outcome.truth_px > 0).to_numpy()),
        sweep=sweeps.sweep(truth, given, case.threshold, case.gate) if given else None,
        pairs=None if other is None else pairs.compare(outcome, other),
        other_groups=None if other is None else outcomes.groups(other),
        unscored=case.unscored,
        unlabelled=case.unlabelled,
        warnings=tuple(filter(None, [Sides.of(truth).doubt(), Fit.of(predicted, truth).doubt()])),
    )


def _other(case: Case) -> pd.DataFrame | None:
    """The second submission's outcomes."""
    if case.other is None:
        return None
    return outcomes.table(case.ids, case.truth, case.other.masks)


def summary(found: Evaluation) -> list[str]:
    """The answers in a few lines for the terminal."""
    head, presence = found.headline, found.presence
    lines = [
        *(f"warning: {line}" for line in found.warnings),
        f"score {head.score:.4f} ({head.low:.3f} to {head.high:.3f}, 95 %) on {head.tiles} tiles; "
        f"all-empty masks {head.all_empty:.4f}, all-full {head.all_full:.4f}",
        *(
            [f"{found.unscored} labelled tiles are not scored, as not all submissions have them"]
            if found.unscored
            else []
        ),
        *([f"{found.unlabelled} tiles without a label are not scored"] if found.unlabelled else []),
        f"presence right on {presence.accuracy:.1%}: {presence.missed} with salt missed, "
        f"{presence.false} masked falsely; at most {head.perfect_presence:.4f} without these",
        "points lost: "
        + ", ".join(f"{it.Index} {it.points:.4f}" for it in found.losses.itertuples()),
        f"pixels: IoU {found.pixels.iou:.4f}, Dice {found.pixels.dice:.4f}; mean of the tiles with "
        f"salt: IoU {found.pixels.tile_iou:.4f}, Dice {found.pixels.tile_dice:.4f}",
        f"middle {borders.CROP}x{borders.CROP} px: {found.cropped.score:.4f} "
        f"({found.cropped.gain:+.4f}, {found.cropped.low:+.4f} to {found.cropped.high:+.4f})",
        "tiles by score 0, .1 .. 1: " + _row(found.groups.tiles),
        "by coverage class: "
        + ", ".join(
            f"{it.Index} {it.score:.3f} ({it.tiles})" for it in found.by_class.itertuples()
        ),
    ]
    if kinds := list(found.by_kind.itertuples()):
        parts = (f"{it.Index} {it.score:.3f} ({it.tiles})" for it in kinds)
        lines.append("by kind: " + ", ".join(parts))
    return [*lines, *_more(found)]


def _more(found: Evaluation) -> list[str]:
    """Lines of what was not always given."""
    lines = []
    if (judged := found.judge) is not None:
        area = f"ROC area {judged.roc.area:.4f}, " if judged.roc else ""
        lines.append(
            f"judge: {area}right on {judged.accuracy:.1%} at 0.5, calibration error "
            f"{judged.calibration_error:.3f}, Brier {judged.brier:.3f}"
        )
    if (swept := found.sweep) is not None:
        threshold, gate, best = swept.best
        lines.append(
            f"probabilities: {swept.score:.4f} at threshold {swept.threshold:.3g}, gate "
            f"{swept.gate:.3g}; best {best:.4f} at {threshold:.2f}, {gate:.2f} (chosen on these "
            f"tiles{_untried(swept)})"
        )
    if (paired := found.pairs) is not None:
        lines.append(
            f"against {paired.other:.4f}: {paired.difference:+.4f} ({paired.low:+.4f} to "
            f"{paired.high:+.4f}, paired), {paired.wins} tiles better, {paired.losses} worse, "
            f"{paired.ties} the same"
        )
    return lines


def _untried(swept: Sweep) -> str:
    return f"; gates below {swept.lowest_gate:.2f} not in the file" if swept.lowest_gate else ""


def _row(counts: Sequence[int]) -> str:
    return " ".join(str(count) for count in counts)


def _plain(value: Any) -> Any:
    """What JSON can hold: tables as lists of rows, None for NaN."""
    if isinstance(value, pd.DataFrame):
        return [_plain(row) for row in value.reset_index().to_dict("records")]
    if isinstance(value, pd.Series):
        return [
            {str(value.index.name): _plain(at), "score": _plain(it)} for at, it in value.items()
        ]
    if dataclasses.is_dataclass(value):
        return {it.name: _plain(getattr(value, it.name)) for it in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(it) for key, it in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(it) for it in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and math.isnan(value) else value

"""Which zoom and polarity suit a survey, found on interpreted lines.

Every zoom of a grid is tried in both polarities, without flips. A zoom is ranked by IoU at the
threshold, averaged over the lines and over the neighbouring zooms, of which the outermost of the
grid are there as neighbours alone: on one line narrow peaks are luck, and average precision takes
settings that find nothing elsewhere. Of those that are as good as the best, within :data:`MARGIN`,
the one nearest to the default is taken. The first two are then run as ``salt-survey run`` would.

Zooms are those of a survey that is sampled as F3 is, until the end: each line is shown at what is
as much to its own, so that lines of several directions or files have a say in one setting.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from salt_infer.execution.results import quantised
from salt_infer.predictor.model import SaltModel
from salt_infer.system.callbacks import Advance
from salt_infer.system.signals import Check, never
from salt_survey.calibration import orientation
from salt_survey.calibration.labels import Interpreted
from salt_survey.calibration.orientation import AS_DRAWN, Turned
from salt_survey.calibration.scoring import Agreement
from salt_survey.sections import tiling
from salt_survey.sections.display import Display, Stretch, Zoom
from salt_survey.sections.predict import judged
from salt_survey.sections.sampling import Sampling
from salt_survey.sections.settings import MARGIN, THRESHOLD, Calibration, LineScore

VERTICAL = (0.64, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5)
HORIZONTAL = (0.25, 0.32, 0.4, 0.5, 0.62, 0.8, 1.0)
LOWER = (0.4, 0.3, 0.2)  # thresholds tried where the usual one finds little
GAIN = 0.1  # of IoU, that a lower one has to bring
LEAST = 0.25  # of the best IoU of a setting alone, that one has to have

OnePolarity = Literal["normal", "reversed"]
_POLARITIES: tuple[OnePolarity, ...] = ("normal", "reversed")
_KERNEL = np.array([1.0, 2.0, 1.0])

Ious = npt.NDArray[np.float64]  # [polarities, vertical, horizontal]


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A setting and its place.

    Attributes:
        display: the setting.
        score: IoU, averaged over lines and neighbouring zooms.
    """

    display: Display
    score: float


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What was asked for.

    Attributes:
        stretch, stride: of the runs to come.
        threshold: a sample is salt above it; None: chosen too.
    """

    stretch: Stretch = Display.stretch
    stride: int = Display.stride
    threshold: float | None = None

    def displays(self) -> Iterator[Display]:
        """Each zoom of the grid once, in both polarities."""
        for vertical, horizontal in itertools.product(VERTICAL, HORIZONTAL):
            yield Display(Zoom(vertical, horizontal), "both", self.stretch, self.stride)

    def __len__(self) -> int:
        """Displays, and those of the first two settings."""
        return len(VERTICAL) * len(HORIZONTAL) + 2


def calibrate(
    lines: Sequence[Interpreted],
    model: SaltModel,
    sweep: Sweep,
    sampling: Sampling,
    advance: Advance = lambda displays: None,
    check: Check = never,
    doubt: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """Try all settings on all lines.

    Args:
        lines: one at least.
        model: what runs the tiles.
        sweep: what was asked for.
        sampling: of the survey that what is found is for.
        advance: told of each setting that is done on a line.
        check: called between settings; may raise.
        doubt: told what may be wrong with the labels.

    Raises:
        ModelError: the model failed.
    """
    turned: dict[Setting, list[Turned]] = {}
    quick = SaltModel(model.session, dataclasses.replace(model.settings, tta="none"))
    for display, line in itertools.product(sweep.displays(), lines):
        check()
        for polarity, agreement in _both(line, quick, display).items():
            turned.setdefault((polarity, display.zoom), []).append(agreement)
        advance(1)
    found = {setting: [each[AS_DRAWN] for each in lines] for setting, lines in turned.items()}
    threshold = chosen_threshold(found, sweep.threshold)
    for place, line in enumerate(lines):
        of_line = {setting: each[place] for setting, each in turned.items()}
        if said := orientation.doubt(line.name, _best_ways(of_line, threshold)):
            doubt(said)
    first, second = ranking(found, threshold, sweep)[:2]
    scores = []
    for each in (first, second):
        scores.append(tuple(_scored(line, model, each.display, threshold) for line in lines))
        advance(len(lines))
    sha256 = model.session.sha256
    here, next_best = (sampling.display(each.display) for each in (first, second))
    return Calibration(here, threshold, scores[0], next_best, scores[1], sha256)


Setting = tuple[OnePolarity, Zoom]
Found = Mapping[Setting, Sequence[Agreement]]


def chosen_threshold(found: Found, asked: float | None) -> float:
    """What was asked for; else the usual one, as what is best on one line need not be on the next,
    unless a lower one finds much more.
    """
    if asked is not None:
        return asked
    best, score = THRESHOLD, _most(found, THRESHOLD)
    for lower in LOWER:
        if (more := _most(found, lower)) > score + GAIN:
            best, score = lower, more
    return best


def _most(found: Found, threshold: float) -> float:
    return _hill(_ious(found, threshold))


def _hill(ious: Ious) -> float:
    """The best setting's, as they are ranked."""
    return float(smoothed(ious)[:, 1:-1, 1:-1].max())


def _best_ways(of_line: Mapping[Setting, Turned], threshold: float) -> dict[str, float]:
    """The best IoU of a line for each way in which its label may lie."""
    ious = [of_line[setting].ious(threshold) for setting in _settings()]
    return {way: _hill(_on_grid([each[way] for each in ious])) for way in ious[0]}


def ranking(found: Found, threshold: float, sweep: Sweep) -> list[Ranked]:
    """All settings but the outermost, the one to take first; the others by their score. Those that
    find next to nothing beside the best come last, whatever their neighbours find.
    """
    ious = _ious(found, threshold)
    inner = [
        (Ranked(Display(zoom, polarity, sweep.stretch, sweep.stride), float(score)), float(alone))
        for (polarity, zoom), score, alone in zip(
            _settings(), smoothed(ious).ravel(), ious.ravel(), strict=True
        )
        if zoom.vertical in VERTICAL[1:-1] and zoom.horizontal in HORIZONTAL[1:-1]
    ]
    least = LEAST * max(alone for _, alone in inner)
    inner.sort(key=lambda each: (each[1] < least, -each[0].score))
    able = [ranked for ranked, alone in inner if alone >= least]
    good = [each for each in able if each.score >= able[0].score - MARGIN]
    default = Display().zoom
    first = min(good, key=lambda each: (each.display.zoom.far_from(default), -each.score))
    return [first, *(ranked for ranked, _ in inner if ranked is not first)]


def smoothed(ious: Ious) -> Ious:
    """Mean over each zoom and its neighbours, nearer ones with more weight."""
    weights = np.outer(_KERNEL, _KERNEL)
    total, count = np.zeros_like(ious), np.zeros_like(ious)
    rows, columns = ious.shape[1:]
    for (row, column), weight in np.ndenumerate(weights):
        to = np.s_[:, max(0, 1 - row) : rows + min(0, 1 - row),
                   max(0, 1 - column) : columns + min(0, 1 - column)]  # fmt: skip
        origin = np.s_[:, max(0, row - 1) : rows + min(0, row - 1),
                       max(0, column - 1) : columns + min(0, column - 1)]  # fmt: skip
        total[to] += weight * ious[origin]
        count[to] += weight
    return np.asarray(total / count)


def _settings() -> Iterator[tuple[OnePolarity, Zoom]]:
    for polarity, vertical, horizontal in itertools.product(_POLARITIES, VERTICAL, HORIZONTAL):
        yield polarity, Zoom(vertical, horizontal)


def _ious(found: Found, threshold: float) -> Ious:
    return _on_grid(
        [
            statistics.fmean(each.iou(threshold) for each in found[setting])
            for setting in _settings()
        ]
    )


def _on_grid(numbers: Sequence[float]) -> Ious:
    """One for each of :func:`_settings`."""
    return np.reshape(numbers, (len(_POLARITIES), len(VERTICAL), len(HORIZONTAL)))


def _both(line: Interpreted, model: SaltModel, display: Display) -> dict[OnePolarity, Turned]:
    tiles = line.cut(display)
    found = {}
    for polarity in _POLARITIES:
        one = dataclasses.replace(display, polarity=polarity)
        salt = quantised(tiling.blended(tiles, judged(model, tiles, one)))
        found[polarity] = Turned.of(salt, line.label)
    return found


def _scored(line: Interpreted, model: SaltModel, display: Display, threshold: float) -> LineScore:
    tiles = line.cut(display)
    salt = quantised(tiling.blended(tiles, judged(model, tiles, display)))
    return Agreement.of(salt, line.label).score(line.name, threshold)

"""What is made of the model's answers: with a model that can be calculated by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from salt_infer.batch.result import BatchResult, Cancel
from salt_infer.errors import ModelError
from salt_infer.execution.stage_clock import StageClock
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.settings import Settings
from salt_survey import synthetic
from salt_survey.reading.survey import Survey
from salt_survey.sections import predict, tiling
from salt_survey.sections.display import Display, Polarity, Stretch, Zoom
from salt_survey.sections.in_flight import Flight
from salt_survey.sections.reader import Reader, Section

ONE = Zoom(1, 1)
ONE_BY_TWO = Zoom(1, 2)


class Squares:
    """Says of a pixel the square of its grey value's share, and of a tile how bright its first
    pixel is.
    """

    def run(self, tiles: tiling.Grey, gate: float, cancel: Cancel | None = None) -> BatchResult:
        if cancel is not None and cancel.cancelled:
            raise ModelError("cancelled")
        share = tiles.astype(np.float32) / 255
        salt = share[:, 0, 0, 0]
        kept = np.flatnonzero(salt > gate)
        return BatchResult(share[kept] ** 2, salt, kept)


def model(gate: float = 0.0) -> SaltModel:
    return SaltModel(Squares(), Settings(0.5, gate, "none"))


def tiles_of(*greys: tiling.Grey, stride: int = 101) -> tiling.Tiles:
    """Tiles side by side, as a section's."""
    place = tiling.layout(101, 101 + stride * (len(greys) - 1), ONE, stride)
    return tiling.Tiles(place, np.arange(len(greys)), np.stack(greys))


def flat(grey: int, first: int | None = None) -> tiling.Grey:
    """One grey value; perhaps another at the first pixel, which is what the judge looks at."""
    tile = np.full((101, 101), grey, np.uint8)
    tile[0, 0] = grey if first is None else first
    return tile


@pytest.mark.parametrize(
    ("polarity", "expected"),
    [
        ("normal", 0.2 * 0.2**2),
        ("reversed", 0.8 * 0.8**2),
        ("both", (0.2 * 0.2**2 + 0.8 * 0.8**2) / 2),
    ],
)
def test_each_polarity_shows_the_model_what_it_says(polarity: Polarity, expected: float) -> None:
    found = predict.judged(model(), tiles_of(flat(51)), Display(ONE, polarity))
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(expected, abs=1e-6)


def test_pixels_count_as_much_as_the_judge_is_sure_of_their_tile() -> None:
    found = predict.judged(model(), tiles_of(flat(153, 51), flat(153, 255)), Display(ONE, "normal"))
    assert found[:, 1:].mean((1, 2)) == pytest.approx([0.2 * 0.36, 1.0 * 0.36], abs=1e-6)


def test_what_the_gate_stops_is_0_of_that_polarity_alone() -> None:
    tiles = tiles_of(flat(51))
    assert not predict.judged(model(gate=0.5), tiles, Display(ONE, "normal")).any()
    found = predict.judged(model(gate=0.5), tiles, Display(ONE, "both"))
    assert found == pytest.approx(0.8 * 0.8**2 / 2, abs=1e-6)


def test_each_answer_is_that_of_its_own_tile_in_batches_too() -> None:
    """More than a batch, of which the gate stops some."""
    greys = [*range(0, 255, 5)]
    display = Display(ONE, "normal", stride=101)
    found = predict.judged(model(gate=0.25), tiles_of(*map(flat, greys)), display)
    shares = np.array(greys) / 255
    assert found[:, 50, 50] == pytest.approx(np.where(shares > 0.25, shares**3, 0), abs=1e-6)


def test_a_cancelled_run_ends() -> None:
    cancel = Cancel()
    cancel()
    with pytest.raises(ModelError, match="given up"):
        predict.judged(model(), tiles_of(flat(51)), Display(ONE, "normal"), cancel)


def test_where_tiles_overlap_each_counts_by_its_window() -> None:
    """A Hann window of each direction, by its formula."""
    tiles = tiles_of(flat(0), flat(0), stride=60)
    answers = np.stack([np.full((101, 101), each, np.float32) for each in (1.0, 0.0)])
    found = tiling.blended(tiles, answers)
    assert (found[:, :60] == 1).all()
    assert (found[:, 101:] == 0).all()
    columns = np.arange(60, 101)
    first, second = (np.sin(np.pi * (columns - start + 1) / 102) ** 2 for start in (0, 60))
    np.testing.assert_allclose(
        found[:, 60:101], np.tile(first / (first + second), (101, 1)), atol=1e-6
    )


def test_amplitudes_are_zoomed_by_cubic_curves() -> None:
    """Keys' with a = -1/2, at a quarter of a column from the samples and so on."""
    section = np.zeros((101, 51), np.float32)
    section[:, 25] = 1
    tiles = tiling.cut(section, np.ones(section.shape, bool), Display(ONE_BY_TWO, "normal"))
    curve = np.array([0, -0.0234375, -0.0703125, 0.2265625, 0.8671875])
    grey = np.rint(255 * (curve - curve.min()) / np.ptp(curve))
    assert tiles.grey[0, 50, 46:56].tolist() == [*grey, *grey[::-1]]


def test_answers_are_brought_back_by_lines() -> None:
    """Made smaller, columns are averaged by a triangle: 1/8, 3/8, 3/8, 1/8."""
    place = tiling.layout(101, 51, ONE_BY_TWO, 101)
    assert place.zoomed == (101, 102)
    answers = np.zeros((2, 101, 101), np.float32)
    answers[0, :, 51] = 1
    tiles = tiling.Tiles(place, np.arange(2), answers.astype(np.uint8))
    first, second = tiling.window()[50, 51], tiling.window()[50, 50]
    blended = tiling.blended(tiles, answers)[50, 24:28]
    assert blended == pytest.approx(
        np.array([0, 3 / 8, 1 / 8, 0]) * first / (first + second), abs=1e-6
    )


@pytest.mark.slow
def test_a_section_goes_all_the_way(tmp_path: Path) -> None:
    """One tile of a drawn survey, from its amplitudes to bytes, by numpy alone."""
    synthetic.draw(synthetic.Plan(), tmp_path)
    display = Display(ONE, "reversed", Stretch("tile"), 101)
    with Survey.open(tmp_path / "survey.sgy") as survey:
        section = Section("inline", 20, 20, 21)
        amplitude = survey.read(slice(20, 21), slice(0, 101)).amplitude[0, :, :101].T
        clock, flight = StageClock(), Flight()
        (found,) = predict.predicted([section], Reader(survey), model(), display, clock, flight)
    part = amplitude.astype(np.float64)
    grey = 255 - np.rint(255 * (part - part.min()) / np.ptp(part))
    expected = np.rint(255 * (grey / 255) ** 2 * grey[0, 0] / 255)
    assert found.section == section
    assert found.salt.dtype == np.uint8
    assert np.abs(found.salt[:101, :101] - expected).max() <= 1

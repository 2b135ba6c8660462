from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_survey.sections import tiling
from salt_survey.sections.display import Display, Stretch, Zoom

ONE = Zoom(1, 1)


def section(samples: int, traces: int) -> tiling.Floats:
    rng = np.random.default_rng(samples * 1000 + traces)
    return rng.standard_normal((samples, traces)).astype(np.float32)


def everywhere(values: tiling.Floats) -> tiling.Mask:
    return np.ones(values.shape, np.bool_)


@pytest.mark.parametrize(
    ("threshold", "first"),
    [(0.0, 1), (0.2, 52), (0.2 - 1e-9, 52), (0.199, 51), (0.5, 128), (1.0, 256)],
)
def test_levels_are_above_a_threshold_as_float32(threshold: float, first: int) -> None:
    """As everywhere else: 51/255 is not above 0.2, nor above what float32 takes for it."""
    assert np.flatnonzero(tiling.levels_above(threshold)).tolist() == list(range(first, 256))


@pytest.mark.parametrize(
    ("shape", "zoom", "tiles"),
    [((463, 951), "1/1", 162), ((463, 951), "1.25/0.5", 99), ((463, 951), "2.4/0.62", 242),
     ((463, 651), "1.25/0.5", 66), ((10, 10), "1/1", 1)],
)  # fmt: skip
def test_so_many_tiles_cover_a_section(shape: tuple[int, int], zoom: str, tiles: int) -> None:
    assert len(tiling.layout(*shape, Zoom.parse(zoom), 50)) == tiles


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([1, 37, 50, 101]))
def test_every_pixel_is_in_a_tile(samples: int, traces: int, stride: int) -> None:
    place = tiling.layout(samples, traces, ONE, max(stride, 20))
    assert place.weight.min() > 0
    assert place.weight.shape == place.padded


@given(st.data())
def test_part_of_the_samples_is_as_in_the_whole(data: st.DataObject) -> None:
    """To the last bit, of whatever the tiles are said to be, from fewer tiles."""
    samples, traces = data.draw(st.integers(1, 400)), data.draw(st.integers(2, 150))
    display = Display(
        Zoom(data.draw(st.sampled_from([0.3, 1.0, 1.25, 2.4])), 0.7), "normal",
        stride=data.draw(st.sampled_from([37, 50, 101])),
    )  # fmt: skip
    first = data.draw(st.integers(0, samples - 1))
    window = first, data.draw(st.integers(first + 1, samples))
    values = section(samples, traces)
    whole = tiling.cut(values, everywhere(values), display)
    part = tiling.cut(values, everywhere(values), display, window)
    assert len(part.layout) <= len(whole.layout)
    assert set(part.numbers) <= set(part.layout.numbers)
    said = np.random.default_rng(0).random((len(whole.layout), 101, 101), np.float32)
    inside = slice(*window)
    np.testing.assert_array_equal(
        tiling.blended(part, said[part.numbers])[inside],
        tiling.blended(whole, said[whole.numbers])[inside],
    )


def test_few_samples_take_few_tiles() -> None:
    assert len(tiling.layout(1000, 101, ONE, 50)) == 19
    assert tiling.layout(1000, 101, ONE, 50, (0, 1)).numbers == range(1)
    assert tiling.layout(1000, 101, ONE, 50, (0, 49)).numbers == range(1)
    # The next one begins at 50, and samples are made of the rows beside them, too.
    assert tiling.layout(1000, 101, ONE, 50, (0, 50)).numbers == range(2)
    assert tiling.layout(1000, 101, ONE, 50, (500, 501)).numbers == range(8, 11)
    assert tiling.layout(1000, 101, ONE, 50, (999, 1000)).numbers == range(18, 19)


def test_what_tiles_agree_on_comes_back() -> None:
    values = section(230, 310)
    display = Display(Zoom(1.25, 0.5), "normal", Stretch("tile"), 50)
    tiles = tiling.cut(values, everywhere(values), display)
    same = np.full(tiles.grey.shape, 0.625, np.float32)
    assert tiling.blended(tiles, same) == pytest.approx(0.625, abs=1e-6)


def test_a_ramp_is_blended_without_seams() -> None:
    ramp = np.tile(np.linspace(0, 1, 300, dtype=np.float32), (230, 1))
    tiles = tiling.cut(ramp, everywhere(ramp), Display(ONE, "normal", Stretch("section"), 50))
    answers = tiles.grey.astype(np.float32) / 255
    assert tiling.blended(tiles, answers) == pytest.approx(ramp, abs=1 / 255)


def test_tiles_are_stretched_each_by_itself() -> None:
    values = section(150, 150)
    values[:, 100:] *= 50
    tiles = tiling.cut(values, everywhere(values), Display(ONE, "normal", stride=49))
    assert set(tiles.grey.min((1, 2))) == {0}
    assert set(tiles.grey.max((1, 2))) == {255}


def test_clipping_takes_so_many_of_each_end() -> None:
    values = np.sort(section(1, 200 * 200).ravel()).reshape(200, 200)
    tiles = tiling.cut(values, everywhere(values), Display(ONE, "normal", Stretch("clip", 10), 99))
    assert (tiles.grey == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert (tiles.grey == 255).mean() == pytest.approx(0.1, abs=0.01)


def test_tiles_without_data_are_left_out() -> None:
    values = section(101, 303)
    values[:, :202] = 0
    recorded = values != 0
    tiles = tiling.cut(values, recorded, Display(ONE, "normal", Stretch("tile"), 101))
    assert tiles.numbers.tolist() == [2]
    blended = tiling.blended(tiles, np.ones((1, 101, 101), np.float32))
    assert not blended[:, :202].any()
    assert (blended[:, 202:] == 1).all()


def test_a_tile_of_one_amplitude_is_left_out() -> None:
    values = np.full((101, 101), 3, np.float32)
    assert not len(tiling.cut(values, everywhere(values), Display(ONE)).grey)


@pytest.mark.parametrize("about", [0, 128, -3e4])
def test_what_was_not_recorded_shows_no_contrast(about: float) -> None:
    """Unsigned formats have their silence in the middle: the same picture, whatever it is."""
    values, recorded = section(150, 150), np.ones((150, 150), np.bool_)
    recorded[:60], recorded[130:], recorded[:, 70] = False, False, False
    usual, moved = (np.where(recorded, values + np.float32(by), 0) for by in (0, about))
    there = np.asarray(usual, np.float32), np.asarray(moved, np.float32)
    for stretch in (Stretch.parse("tile"), Stretch.parse("0.5%")):
        at_0, found = (tiling.cut(each, recorded, Display(ONE, stretch=stretch)) for each in there)
        away = np.abs(found.grey.astype(int) - at_0.grey)
        assert away.max() <= 4, "the median of amplitudes is not 0, and near"


def test_amplitudes_about_0_are_shown_as_they_are() -> None:
    values, recorded = section(150, 150), np.ones((150, 150), np.bool_)
    recorded[:60] = False
    values[~recorded] = 0
    assert tiling.quiet(values, recorded) is values
    assert tiling.quiet(values, ~recorded) is values
    assert tiling.quiet(values + 9, np.ones_like(recorded)).min() > 0


def test_dead_traces_lie_on_the_line_between_their_neighbours() -> None:
    values = np.array([[1, 0, 0, 4, 0]], np.float32)
    live = np.array([True, False, False, True, False])
    assert tiling.filled(values, live).tolist() == [[1, 2, 3, 4, 4]]
    assert values.tolist() == [[1, 0, 0, 4, 0]]


def test_dead_traces_at_the_beginning_are_the_first_live_one() -> None:
    values = np.array([[0, 0, 5]], np.float32)
    assert tiling.filled(values, np.array([False, False, True])).tolist() == [[5, 5, 5]]


def test_small_sections_are_padded_by_reflection() -> None:
    values = section(30, 20)
    tiles = tiling.cut(values, everywhere(values), Display(ONE, "normal"))
    (grey,) = tiles.grey
    assert (grey[:30] == grey[59:29:-1]).all()
    assert tiling.blended(tiles, tiles.grey / np.float32(255)).shape == (30, 20)

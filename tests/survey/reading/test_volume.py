"""Which array of a Zarr is the survey, and what numbers its lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.overrides import Overrides

MS = Overrides(interval_ms=4)


def amplitudes(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_a_group_is_no_volume_and_one_in_it_can_be_named(tmp_path: Path) -> None:
    """As MDIO has it before its version 1."""
    path = tmp_path / "a.mdio"
    root = zarr.create_group(path, zarr_format=2)
    root.create_group("data").create_array("chunked_012", data=amplitudes(3, 4, 12))
    root.create_group("metadata").create_array("live_mask", data=np.ones((3, 4), bool))
    root.create_array("twt", data=4 * np.arange(12))
    expected = (
        r"holds 0 arrays that could be the survey \(array twt \[12\], group data, group "
        r"metadata\), expected one, .* give that: .*a.mdio/GROUP"
    )
    with pytest.raises(SurveyError, match=expected):
        scanned(path, MS)
    assert scanned(path / "data", MS).scan.samples == 12


def test_an_empty_group_is_no_survey(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "a.zarr")
    with pytest.raises(SurveyError, match=r"could be the survey \(it is empty\)"):
        scanned(tmp_path / "a.zarr", MS)


@pytest.mark.parametrize(
    ("numbers", "seen"), [(np.tile(np.arange(5), (5, 1)), r"has shape \[5, 5\]"),
                          (np.arange(4), r"has shape \[4\]"), (None, "is a group")]
)  # fmt: skip
@pytest.mark.parametrize("name", ["inline", "crossline"])
def test_line_numbers_are_one_for_each_line(
    tmp_path: Path, name: str, numbers: Any, seen: str
) -> None:
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("amplitude", data=amplitudes(5, 5, 12))
    if numbers is None:
        group.create_group(name)
    else:
        group.create_array(name, data=numbers)
    with pytest.raises(SurveyError, match=f"{name} {seen}, expected 5 numbers, one for each line"):
        scanned(tmp_path / "a.zarr", MS)


@pytest.mark.parametrize(
    ("numbers", "says"),
    [([3, 2, 1], r'iline numbers that do not rise, .*xarray: ds.sortby\("iline"\)'),
     ([1, 3, 2], r'iline numbers that do not rise, .*xarray: ds.sortby\("iline"\)'),
     ([1, 2, 2], r'iline numbers that repeat, .*xarray: ds.drop_duplicates\("iline"\)')],
)  # fmt: skip
def test_line_numbers_rise(numbers: list[int], says: str, tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("amplitude", data=amplitudes(3, 4, 12))
    group.create_array("iline", data=np.array(numbers))
    with pytest.raises(SurveyError, match=says):
        Survey.open(tmp_path / "a.zarr", overrides=MS)


def test_lines_that_are_not_in_an_array_are_between_those_that_are(tmp_path: Path) -> None:
    """As of SEG-Y, so that a section across has its traces where they lie."""
    group = zarr.create_group(tmp_path / "a.zarr")
    values = amplitudes(4, 3, 12)
    group.create_array("amplitude", data=values)
    group.create_array("inline", data=np.array([10, 12, 18, 20]))
    group.create_array("crossline", data=np.array([5, 6, 8]))
    with Survey.open(tmp_path / "a.zarr", overrides=MS) as survey:
        assert survey.inlines.tolist() == [10, 12, 14, 16, 18, 20]
        assert survey.crosslines.tolist() == [5, 6, 7, 8]
        block = survey.read(slice(None), slice(None))
        scan = survey.scan
    there = np.ix_([0, 1, 4, 5], [0, 1, 3])
    np.testing.assert_array_equal(block.amplitude[there], values)
    assert np.count_nonzero(block.recorded) == values.size
    assert (scan.inlines, scan.crosslines, scan.missing) == ((10, 20, 2), (5, 8, 1), 12)
    assert "12 of 24 places (50.0%) have no trace" in scan.notes
    assert scanned(tmp_path / "a.zarr", MS, scan).scan.warnings == ()


def test_line_numbers_may_be_kept_scaled(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("amplitude", data=amplitudes(3, 4, 12))
    inlines = group.create_array("inline", data=np.arange(3, dtype=np.int16))
    inlines.attrs.update(scale_factor=2, add_offset=100)
    bytes_of = np.array([126, 127, 128, 129], np.uint8).view(np.int8)
    group.create_array("crossline", data=bytes_of).attrs["_Unsigned"] = "true"
    with Survey.open(tmp_path / "a.zarr", overrides=MS) as survey:
        assert survey.inlines.tolist() == [100, 102, 104]
        assert survey.crosslines.tolist() == [126, 127, 128, 129]
    inlines.attrs.update(scale_factor=0.3)
    with pytest.raises(SurveyError, match=r"numbers of inlines are such as 100\.3, expected whole"):
        Survey.open(tmp_path / "a.zarr", overrides=MS)


def test_lines_far_apart_would_fill_no_grid(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("amplitude", data=amplitudes(3, 4, 12))
    group.create_array("inline", data=np.array([1, 2, 10_000_000]))
    with pytest.raises(SurveyError, match="would fill a grid of 10000000 x 4 by less than a 64th"):
        scanned(tmp_path / "a.zarr", MS)


@pytest.mark.parametrize("colours", [3, 4])
def test_a_picture_with_its_colours_is_no_volume(colours: int, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((40, 60, colours), np.uint8))
    with pytest.raises(SurveyError, match=r"a picture with its colours\? save one of them"):
        scanned(tmp_path / "a.npy", Overrides(interval_ms=4))

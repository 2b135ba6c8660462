from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.overrides import Overrides

SHAPE = (3, 4, 12)


def volume(path: Path, names: list[str], version: int) -> zarr.Group:
    group = zarr.create_group(path, zarr_format=version)
    kinds: dict[str, Any] = {"dimension_names": names} if version == 3 else {}
    data = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    array = group.create_array("amplitude", shape=SHAPE, dtype="f4", **kinds)
    array[:] = data
    if version == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = names
    return group


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "names",
    [["crossline", "inline", "time_ms"], ["CROSSLINE_3D", "INLINE_3D", "TWT"],
     ["iline", "twt", "xline"], ["TWT", "iline", "xline"],
     ["z", "y", "x"], ["a", "inline", "b"]],
)  # fmt: skip
def test_axes_that_lie_otherwise_are_refused(
    tmp_path: Path, names: list[str], version: int
) -> None:
    volume(tmp_path / "a.zarr", names, version)
    expected = f"the axes are {', '.join(names).lower()}, expected inline, crossline and sample"
    with pytest.raises(SurveyError, match=expected):
        scanned(tmp_path / "a.zarr", Overrides(interval_ms=4))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "names", [["inline", "crossline", "time_ms"], ["iline", "xline", "twt"], ["x", "y", "z"],
              ["INLINE_3D", "CROSSLINE_3D", "samples"],
              ["rows", "columns", "layers"]],
)  # fmt: skip
def test_axes_in_order_or_of_no_known_name_are_read(
    tmp_path: Path, names: list[str], version: int
) -> None:
    volume(tmp_path / "a.zarr", names, version)
    assert scanned(tmp_path / "a.zarr", Overrides(interval_ms=4)).scan.verdict == "ok"


def test_numbers_of_lines_and_times_may_be_named_as_other_programs_do(tmp_path: Path) -> None:
    group = volume(tmp_path / "a.zarr", ["iline", "xline", "twt"], 3)
    for name, numbers in (("iline", [7, 9, 11]), ("xline", [50, 51, 52, 53])):
        group.create_array(name, data=np.array(numbers))
    group.create_array("twt", data=100.0 + 2 * np.arange(SHAPE[2]))
    with Survey.open(tmp_path / "a.zarr") as survey:
        assert survey.inlines.tolist() == [7, 9, 11]
        assert survey.crosslines.tolist() == [50, 51, 52, 53]
        assert survey.times_ms[:2].tolist() == [100, 102]


def test_arrays_of_another_shape_are_something_else(tmp_path: Path) -> None:
    """Such as a horizon's times beside a volume."""
    group = volume(tmp_path / "a.zarr", ["INLINE", "XLINE", "TWT"], 3)
    group.create_array("twt", data=np.ones(SHAPE[:2]))
    group.create_array("il", data=np.arange(9))
    group.create_array("XLINE", data=np.array([50, 51, 52, 53]))
    with Survey.open(tmp_path / "a.zarr", None, Overrides(interval_ms=4)) as survey:
        assert survey.inlines.tolist() == [1, 2, 3]
        assert survey.crosslines.tolist() == [50, 51, 52, 53]

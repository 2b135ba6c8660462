"""Numbers of a Zarr that stand for amplitudes, or for none."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import zarr

from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Block, Survey, scanned
from salt_survey.scan.overrides import Overrides

SHAPE = (3, 4, 12)
HOLES = np.zeros(SHAPE, bool)
HOLES[:, :, :3] = HOLES[1, 2, 5] = True
MS = Overrides(interval_ms=4)


def amplitudes() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 1000, SHAPE).astype(np.float32)


def volume(
    folder: Path, kept: np.ndarray, fill: Any = 0, version: Literal[2, 3] = 3, **said: Any
) -> Path:
    group = zarr.create_group(folder / "s.zarr", zarr_format=version)
    array = group.create_array("amplitude", shape=SHAPE, dtype=kept.dtype, fill_value=fill)
    array[...] = kept
    array.attrs.update(said)
    return folder / "s.zarr"


def read(path: Path) -> Block:
    with Survey.open(path, overrides=MS) as survey:
        return survey.read(slice(None), slice(None))


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i4"])
@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (0, {"_FillValue": -9999}),
        (0, {"missing_value": [-9999.0]}),
        (-9999, {}),
        (-9999, {"_FillValue": -9999.0, "missing_value": -9999}),
        (0, {"_FillValue": base64.b64encode(struct.pack("<d", -9999.0)).decode()}),
    ],
)
def test_what_is_kept_where_nothing_was_recorded_is_no_amplitude(
    tmp_path: Path, kind: str, fill: int, said: dict[str, Any]
) -> None:
    kept = np.where(HOLES, -9999, amplitudes()).astype(kind)
    path = volume(tmp_path, kept, fill, **said)
    block = read(path)
    np.testing.assert_array_equal(block.recorded, ~HOLES)
    np.testing.assert_array_equal(block.amplitude, np.where(HOLES, 0, amplitudes()))
    assert "-9999 stands for nothing recorded" in scanned(path, MS).scan.notes


def test_numbers_of_32_bits_are_compared_as_such(tmp_path: Path) -> None:
    kept = np.where(HOLES, np.float32(-9999.9), amplitudes()).astype(np.float32)
    np.testing.assert_array_equal(read(volume(tmp_path, kept, _FillValue=-9999.9)).recorded, ~HOLES)


@pytest.mark.parametrize("version", [2, 3])
def test_amplitudes_may_be_kept_scaled(tmp_path: Path, version: Literal[2, 3]) -> None:
    """And what is kept where nothing was recorded is so before it is scaled."""
    kept = np.where(HOLES, -32768, amplitudes()).astype(np.int16)
    path = volume(tmp_path, kept, -32768, version, scale_factor=0.5, add_offset=-3.0)
    block = read(path)
    np.testing.assert_array_equal(block.recorded, ~HOLES)
    np.testing.assert_array_equal(
        block.amplitude, np.where(HOLES, 0, amplitudes() / 2 - 3).astype(np.float32)
    )
    assert (
        "numbers are kept, and amplitudes are 0.5 times these, plus -3"
        in scanned(path, MS).scan.notes
    )


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("null", [-1, 65535])
def test_integers_may_be_kept_with_a_sign_that_they_do_not_have(
    tmp_path: Path, order: str, null: int
) -> None:
    """As netCDF's classic files keep them; what stands for nothing is said either way."""
    meant = np.where(HOLES, 65535, 60 * amplitudes()).astype(f"{order}u2")
    path = volume(tmp_path, meant.view(f"{order}i2"), _Unsigned="true", _FillValue=null)
    block = read(path)
    np.testing.assert_array_equal(block.recorded, ~HOLES)
    np.testing.assert_array_equal(block.amplitude, np.where(HOLES, 0, meant))
    assert "integers are unsigned ones, by _Unsigned" in scanned(path, MS).scan.notes


def test_integers_may_be_kept_without_a_sign_that_they_have(tmp_path: Path) -> None:
    meant = (np.where(HOLES, -128, amplitudes() / 8 - 100)).astype(np.int8)
    said = {"_Unsigned": "false", "_FillValue": -128, "scale_factor": 0.5, "add_offset": 1}
    block = read(volume(tmp_path, meant.view(np.uint8), **said))
    np.testing.assert_array_equal(block.recorded, ~HOLES)
    np.testing.assert_array_equal(block.amplitude, np.where(HOLES, 0, meant / 2 + 1))


def test_integers_that_are_kept_as_they_are_meant_stay(tmp_path: Path) -> None:
    kept = amplitudes().astype(np.uint16)
    path = volume(tmp_path, kept, _Unsigned="true", _FillValue=-1)
    np.testing.assert_array_equal(read(path).amplitude, kept)
    with pytest.raises(SurveyError, match=r"volume's _Unsigned is 'maybe', expected true or false"):
        read(volume(tmp_path / "b", kept, _Unsigned="maybe"))


@pytest.mark.parametrize(
    ("version", "said", "is_null"),
    [(2, {}, True), (3, {}, False), (3, {"_FillValue": 0}, True)],
)
def test_a_fill_value_of_0_is_none_where_something_is_added_and_somebody_gave_it(
    tmp_path: Path, version: Literal[2, 3], said: dict[str, int], is_null: bool
) -> None:
    """Version 3 gives one to every array."""
    kept = np.where(HOLES, 0, amplitudes()).astype(np.int16)
    block = read(volume(tmp_path, kept, 0, version, add_offset=5, **said))
    np.testing.assert_array_equal(block.recorded, ~HOLES if is_null else True)
    assert is_null or (block.amplitude[HOLES] == 5).all()


@pytest.mark.parametrize("fill", [np.nan, "NaN", 0.0])
def test_nothing_is_said_of_what_is_usual(tmp_path: Path, fill: Any) -> None:
    path = volume(tmp_path, np.where(HOLES, np.nan, amplitudes()), np.nan, _FillValue=fill)
    np.testing.assert_array_equal(read(path).recorded[:, :, :3], False)
    assert not [note for note in scanned(path, MS).scan.notes if "stands for" in note]


@pytest.mark.parametrize(
    "said", [{"_FillValue": "none!"}, {"scale_factor": {}}, {"scale_factor": 0},
             {"add_offset": [1, 2]}]
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    (name,) = said
    with pytest.raises(SurveyError, match=f"the volume's {name} is .*, expected a number"):
        read(volume(tmp_path, amplitudes(), **said))

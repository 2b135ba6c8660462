"""What the user says of the samples holds, and is held against their bits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.scan.segy_scan import scan
from tests.survey.odd_surveys import File, sound


def scanned(file: File, tmp_path: Path, **overrides: object) -> Scan:
    path = tmp_path / "it.sgy"
    path.write_bytes(file.bytes())
    return scan(path, Overrides(**overrides)).scan  # type: ignore[arg-type]


def floats(code: int) -> File:
    """With as many different words as a proof takes."""
    return sound(format=code)


@pytest.mark.parametrize(("really", "given"), [(1, 5), (5, 1), (2, 5), (5, 2)])
def test_a_format_that_the_samples_are_not_in_is_warned_of(
    tmp_path: Path, really: int, given: int
) -> None:
    found = scanned(floats(really), tmp_path, format=given)
    assert found.really == given
    (warning,) = found.warnings
    assert warning.startswith(f"the samples are read in format {given} (")
    assert f"as --format says, and seem to be in {really} (" in warning


@pytest.mark.parametrize("code", [1, 2, 3, 5])
def test_one_that_they_are_in_is_not(tmp_path: Path, code: int) -> None:
    assert scanned(sound(format=code), tmp_path, format=code).warnings == ()


@pytest.mark.parametrize(("there", "given"), [(3, 5), (5, 3), (8, 1)])
def test_one_of_another_width_is_a_fault(tmp_path: Path, there: int, given: int) -> None:
    found = scanned(sound(format=there), tmp_path, format=given)
    assert found.verdict == "refuse"
    (fault,) = found.faults
    assert fault.startswith(f"--format {given} (")
    assert fault.endswith("leave it out, or give one of that many")


@pytest.mark.parametrize("code", [1, 2, 3, 5])
def test_a_byte_order_that_they_are_not_in_is_warned_of(tmp_path: Path, code: int) -> None:
    found = scanned(sound(format=code), tmp_path, sample_endian="little")
    assert found.sample_endian == "little"
    assert any(
        "read little endian, as --sample-endian says, and seem to be big endian" in line
        for line in found.warnings
    )
    assert not scanned(sound(format=code), tmp_path, sample_endian="big").warnings


def test_samples_in_another_order_than_the_headers_are_told_of_once(tmp_path: Path) -> None:
    file = sound(format=5)
    file.samples[:] = file.samples.reshape(-1, 4)[:, ::-1].reshape(file.samples.shape)
    assert np.any(file.samples)
    (warning,) = scanned(file, tmp_path).warnings
    assert warning.startswith("the headers are big endian, the samples little endian")
    assert scanned(file, tmp_path, sample_endian="little").warnings == ()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"format": 3}, "--format 3 (16-bit integer) has 2 bytes a sample, the file has 4"),
        ({"format": 1}, "as --format says, and seem to be in 5 (IEEE float)"),
        ({"sample_endian": "little"}, "as --sample-endian says, and seem to be big endian"),
    ],
)
def test_beside_a_scan_what_is_given_is_looked_at_too(
    tmp_path: Path, given: dict[str, object], says: str
) -> None:
    known = scanned(sound(format=5), tmp_path)
    path = tmp_path / "it.sgy"
    found = scan(path, Overrides(**given), known).scan  # type: ignore[arg-type]
    assert any(says in line for line in (*found.faults, *found.warnings))
    assert scan(path, Overrides(), known).scan.warnings == ()


def test_a_scan_that_was_edited_to_another_width_is_refused(tmp_path: Path) -> None:
    known = dataclasses.replace(scanned(sound(format=5), tmp_path), really=3)
    (fault,) = scan(tmp_path / "it.sgy", Overrides(), known).scan.faults
    assert fault.startswith("the scan says samples in 3 (16-bit integer), the file has 4 bytes")


@pytest.mark.parametrize(("scanned_as", "there"), [(1, 5), (5, 1), (1, 2), (2, 5)])
def test_a_scan_of_another_file_of_that_size_is_refused(
    tmp_path: Path, scanned_as: int, there: int
) -> None:
    known = scanned(floats(scanned_as), tmp_path)
    path = tmp_path / "other.sgy"
    path.write_bytes(floats(there).bytes())
    (fault,) = scan(path, Overrides(), known).scan.faults
    assert fault.startswith(f"the scan says format {scanned_as} (")
    assert f"the header of the file {there} (" in fault
    assert fault.endswith("so scan this one (--format and --sample-endian to decide)")
    assert scan(path, Overrides(format=there), known).scan.faults == ()


def test_a_scan_whose_format_was_edited_as_the_samples_are_is_told_of(tmp_path: Path) -> None:
    """And goes on being told of, whatever scan is made of it."""
    file = floats(5)
    file.binary(3225, 1)
    found = scanned(file, tmp_path)
    assert (found.format, found.really) == (1, 5)
    known = dataclasses.replace(found, format=5, really=None, warnings=())
    for _ in range(3):
        known = scan(tmp_path / "it.sgy", Overrides(), known).scan
        assert (known.faults, known.format, known.really) == ((), 1, 5)
        (warning,) = known.warnings
        assert warning.startswith("the scan says format 5 (IEEE float), big endian, the header of")
    again = scan(tmp_path / "it.sgy", Overrides(), found).scan
    assert again.warnings == found.warnings  # which say it already


@pytest.mark.parametrize(
    "edit", [{"really": 1}, {"sample_endian": "little"}, {"format": 1}, {"format": 1, "really": 2}]
)
def test_a_scan_that_was_edited_against_the_samples_is_refused(
    tmp_path: Path, edit: dict[str, object]
) -> None:
    known = dataclasses.replace(scanned(floats(5), tmp_path), **edit)  # type: ignore[arg-type]
    (fault,) = scan(tmp_path / "it.sgy", Overrides(), known).scan.faults
    assert "and the samples are " in fault


def test_a_scan_is_not_of_another_file_whose_header_is_wrong_otherwise(tmp_path: Path) -> None:
    """What it has found of its own file, format 5 in spite of the header, is not so here."""
    wrong = floats(5)
    wrong.binary(3225, 1)
    known = scanned(wrong, tmp_path)
    assert known.really == 5
    (tmp_path / "other.sgy").write_bytes(floats(1).bytes())
    (fault,) = scan(tmp_path / "other.sgy", Overrides(), known).scan.faults
    assert "and the samples are in 1 (IBM float)" in fault


def test_one_who_knows_better_does_so_with_the_scan_as_well(tmp_path: Path) -> None:
    known = scanned(floats(5), tmp_path, format=1)
    assert known.warnings
    again = scan(tmp_path / "it.sgy", Overrides(), known).scan
    assert (again.faults, again.reading, again.warnings) == ((), 1, known.warnings)

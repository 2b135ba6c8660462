"""A scan's JSON says of what kind a finding is; one of before there were kinds is read, too."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from salt_survey.scan.finding_kinds import Kind
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.scan.segy_scan import scan
from tests.survey.odd_surveys import File, sound


def wrong_header() -> File:
    file = sound(format=5)
    file.binary(3225, 1)
    return file


def alone() -> File:
    file = sound(format=5)
    file.samples[:7], file.samples[8:] = 0, 0
    return file


def silent() -> File:
    file = sound(format=5)
    file.samples[:] = 0
    return file


def found_in(file: File, tmp_path: Path, said: Overrides | None = None) -> tuple[Path, Scan]:
    path = tmp_path / "it.sgy"
    path.write_bytes(file.bytes())
    return path, scan(path, said).scan


def without_kinds(found: Scan) -> Scan:
    """As its JSON was before there were kinds."""
    values = found.to_dict()
    del values["kinds"]
    return Scan.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("kind", "file", "said"),
    [
        ("header", wrong_header(), Overrides()),
        ("given", sound(format=5), Overrides(format=1)),
        ("given", sound(format=5), Overrides(sample_endian="little")),
        ("samples", silent(), Overrides()),
        ("samples", alone(), Overrides()),
    ],
)
def test_kinds_come_back_from_json_and_from_sentences_of_before(
    kind: Kind, file: File, said: Overrides, tmp_path: Path
) -> None:
    path, found = found_in(file, tmp_path, said)
    assert len(found.of_kind(kind)) == 1
    assert Scan.from_json(found.to_json()) == without_kinds(found) == found
    again = scan(path, Overrides(), without_kinds(found)).scan
    assert (again.of_kind(kind), again.faults) == (found.of_kind(kind), found.faults)


def test_what_a_scan_has_otherwise_is_found_anew(tmp_path: Path) -> None:
    path, found = found_in(sound(format=5), tmp_path)
    told = scan(path, Overrides(), dataclasses.replace(found, interval_ms=3)).scan
    assert told.of_kind("scan") == list(told.warnings) != []
    for known in (told, without_kinds(told)):
        assert known.kinds == told.kinds
        assert scan(path, Overrides(interval_ms=4), known).scan.warnings == ()


def test_without_kinds_json_is_as_it_was_before_there_were_any(tmp_path: Path) -> None:
    _, found = found_in(sound(format=5), tmp_path)
    assert found.kinds == {}
    assert "kinds" not in found.to_dict()


def test_a_line_that_was_taken_out_of_a_scan_has_no_kind(tmp_path: Path) -> None:
    path, found = found_in(wrong_header(), tmp_path)
    known = dataclasses.replace(found, warnings=())
    assert known.of_kind("header") == []
    again = scan(path, Overrides(), known).scan
    assert again.kinds == dict.fromkeys(again.warnings, "scan")

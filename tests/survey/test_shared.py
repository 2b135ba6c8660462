"""Files of other projects, and odd ones made of a crop of F3; they are where SALT_SURVEYS says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from salt_infer.errors import SaltError
from salt_survey.reading.survey import Survey, scanned

FOLDERS = ("segyio", "segyio/multiformats", "seismic-zfp", "seismic-zfp/zgy", "segysak", "f3")
UNREADABLE = {"Format4msb.sgy", "Format7msb.sgy", "Format15msb.sgy"}
# A template's fields, which these files do not have: cut, empty, none.
TEMPLATES = {"truncated.sgy", "headers-only.sgy", "not-segy.sgy"}


@pytest.fixture(scope="module")
def folder() -> Path:
    where = os.environ.get("SALT_SURVEYS")
    if not where:
        pytest.skip("SALT_SURVEYS is not set: it names a folder with made/expected.json")
    return Path(where)


def test_what_is_expected_is_found(folder: Path) -> None:
    expected: dict[str, dict[str, Any]] = json.loads((folder / "made/expected.json").read_text())
    for name, fields in expected.items():
        if name == "not-segy.sgy":
            with pytest.raises(SaltError, match="no SEG-Y"):
                scanned(folder / "made" / name)
            continue
        found = scanned(folder / "made" / name).scan.to_dict()
        wanted = {key: value for key, value in fields.items() if key != "note"}
        if name in TEMPLATES:
            wanted = {key: wanted[key] for key in ("traces", "samples", "format", "verdict")}
        assert {key: found[key] for key in wanted} == wanted, name


@pytest.mark.slow
def test_no_file_gives_a_traceback(folder: Path) -> None:
    read = 0
    for name in FOLDERS:
        for path in sorted((folder / name).glob("*.sgy")):
            try:
                with Survey.open(path) as survey:
                    assert path.name not in UNREADABLE
                    assert survey.read(slice(0, 2), slice(None)).recorded.any(), path
                    read += 1
            except SaltError as error:
                assert "\n" not in str(error)
    assert read >= 40


def test_formats_hold_the_same_samples(folder: Path) -> None:
    def block(path: Path) -> Any:
        with Survey.open(path) as survey:
            return survey.read(slice(None), slice(None)).amplitude

    expected = block(folder / "segyio/f3.sgy")
    for path in sorted((folder / "segyio/multiformats").glob("*.sgy")):
        if path.name not in UNREADABLE and "8" not in path.name and "16" not in path.name:
            assert (block(path) == expected).all(), path

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from salt_infer.errors import InputError, OutputExistsError
from salt_infer.labels import read_column, read_rows
from salt_infer.submission import Submission


def test_rows_are_sorted_and_lines_end_in_newline(tmp_path: Path) -> None:
    out = tmp_path / "sub.csv"
    submission = Submission(out, overwrite=False)
    submission.add(["b", "a,1"], ["1 2", ""])
    submission.add(["a"], ["3 4 9 1"])
    assert not out.exists()
    submission.publish()
    assert out.read_bytes() == b'id,rle_mask\na,3 4 9 1\n"a,1",\nb,1 2\n'
    assert os.listdir(tmp_path) == ["sub.csv"]


def test_an_existing_file_is_refused_at_once(tmp_path: Path) -> None:
    out = tmp_path / "sub.csv"
    out.write_text("precious")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        Submission(out, overwrite=False)
    Submission(out, overwrite=True).publish()
    assert out.read_text() == "id,rle_mask\n"


def test_a_file_that_appears_during_the_run_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "sub.csv"
    submission = Submission(out, overwrite=False)
    out.write_text("precious")
    with pytest.raises(OutputExistsError):
        submission.publish()
    assert os.listdir(tmp_path) == ["sub.csv"]
    assert out.read_text() == "precious"


def test_folders_that_cannot_hold_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; create it first"):
        Submission(tmp_path / "missing/sub.csv", overwrite=False)
    with pytest.raises(InputError, match="is a directory"):
        Submission(tmp_path, overwrite=True)


def detailed(out: Path) -> Submission:
    """Two tiles that the model has seen, and one that could not be read."""
    submission = Submission(out, overwrite=True)
    submission.add(["b", 'a,"1'], ["1 2", ""])
    salt, confidence = np.array([0.96, 1e-9], np.float32), np.array([0.5, 1.0], np.float32)
    submission.add_details(["b", 'a,"1'], salt, confidence)
    submission.add(["broken"], [""])
    return submission


def test_details_are_further_columns(tmp_path: Path) -> None:
    out = tmp_path / "sub.csv"
    detailed(out).publish(details=True)
    assert out.read_text().splitlines() == [
        "id,rle_mask,salt,confidence",
        '"a,""1",,0.0000,1.0000',
        "b,1 2,0.9600,0.5000",
        "broken,,nan,0.0000",
    ]
    assert read_rows(out) == {'a,"1': "", "b": "1 2", "broken": ""}
    assert read_column(out, "confidence") == {'a,"1': 1.0, "b": 0.5, "broken": 0.0}


def test_details_are_written_only_if_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "sub.csv"
    detailed(out).publish()
    assert out.read_bytes() == b'id,rle_mask\n"a,""1",\nb,1 2\nbroken,\n'


@pytest.mark.parametrize("details", [False, True])
def test_the_digest_is_the_files(tmp_path: Path, details: bool) -> None:
    out = tmp_path / "sub.csv"
    digest = detailed(out).publish(details)
    assert digest == hashlib.sha256(out.read_bytes()).hexdigest()


def test_details_must_fit_the_tiles(tmp_path: Path) -> None:
    submission = Submission(tmp_path / "sub.csv", overwrite=False)
    with pytest.raises(ValueError, match="shorter"):
        submission.add_details(["a", "b"], np.zeros(2, np.float32), np.zeros(1, np.float32))

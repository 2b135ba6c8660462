from __future__ import annotations

import os
from pathlib import Path

import pytest

from salt_infer.errors import InputError, OutputExistsError
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

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from salt_infer.data.source import Tile
from salt_infer.errors import InputError, OutputError, OutputExistsError, UsageError
from salt_infer.execution.results import Row
from salt_infer.job.publish import Outputs
from salt_infer.masks.decision import Decision
from salt_infer.system import output_checks
from tests.infer.finished import finished

GROUPS = [finished(0, ["a", "b"], ["1 2", ""]), finished(1, ["c"], ["3 4"])]
DECISION = Decision(0.5, 0.5)


def rows() -> Iterator[Row]:
    return (row for group in GROUPS for row in group.entries(empty=False))


def ignore(paths: Collection[str]) -> None:
    pass


def outputs(folder: Path, **asked: Any) -> Outputs:
    """A submission, masks and probabilities in a folder, unless others are asked for."""
    overwrite = asked.pop("overwrite", False)
    inputs = [folder / path for path in asked.pop("inputs", ())]
    usual = {"table": "x.csv", "masks_in": "masks", "probabilities_in": "x.npz", "report": None}
    paths: dict[str, Any] = {
        name: folder / path if path else None for name, path in (usual | asked).items()
    }
    return Outputs(**paths, inputs=inputs, details=False, overwrite=overwrite)


def test_all_of_it_appears_and_nothing_else(tmp_path: Path) -> None:
    mine = outputs(tmp_path)
    mine.check()
    digest = mine.publish(rows, ignore, DECISION)
    assert sorted(os.listdir(tmp_path)) == ["masks", "x.csv", "x.npz"]
    assert digest == hashlib.sha256((tmp_path / "x.csv").read_bytes()).hexdigest()
    assert sorted(os.listdir(tmp_path / "masks")) == ["a.png", "b.png", "c.png"]
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert found["ids"].tolist() == ["a", "b", "c"]


def test_probabilities_in_a_folder(tmp_path: Path) -> None:
    mine = outputs(tmp_path, probabilities_in="maps", masks_in=None)
    mine.check()
    mine.publish(rows, ignore, DECISION)
    assert sorted(os.listdir(tmp_path)) == ["maps", "x.csv"]
    assert sorted(os.listdir(tmp_path / "maps")) == ["a.npy", "b.npy", "c.npy"]


def test_it_is_noted_before_anything_appears(tmp_path: Path) -> None:
    seen: list[tuple[Collection[str], list[str]]] = []
    mine = outputs(tmp_path, report="x.json")
    mine.check()
    mine.publish(rows, lambda paths: seen.append((paths, os.listdir(tmp_path))), DECISION)
    ((paths, there),) = seen
    assert paths == {str(tmp_path / name) for name in ("x.csv", "x.npz", "masks")}
    assert all(name.startswith(".") and name.endswith(".partial") for name in there)


@pytest.mark.parametrize(
    ("there", "says"),
    [("x.csv", "x.csv exists"), ("x.npz", "x.npz exists"), ("masks", "not empty")],
)
def test_what_exists_is_kept_unless_told_otherwise(tmp_path: Path, there: str, says: str) -> None:
    precious = tmp_path / there
    if there == "masks":
        precious.mkdir()
        precious = precious / "old.png"
    precious.write_text("precious")
    with pytest.raises(OutputExistsError, match=says):
        outputs(tmp_path).check()
    assert precious.read_text() == "precious"
    mine = outputs(tmp_path)
    mine.check(frozenset([str(tmp_path / there)]))
    mine.publish(rows, ignore, DECISION)
    again = outputs(tmp_path, overwrite=True)
    again.check()
    again.publish(rows, ignore, DECISION)
    assert sorted(os.listdir(tmp_path)) == ["masks", "x.csv", "x.npz"]
    assert sorted(os.listdir(tmp_path / "masks")) == ["a.png", "b.png", "c.png"]


def test_what_appears_during_the_run_is_kept(tmp_path: Path) -> None:
    mine = outputs(tmp_path)
    mine.check()
    (tmp_path / "x.csv").write_text("precious")
    with pytest.raises(OutputExistsError):
        mine.publish(rows, ignore, DECISION)
    assert os.listdir(tmp_path) == ["x.csv"]
    assert (tmp_path / "x.csv").read_text() == "precious"


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    mine = outputs(tmp_path)
    mine.check()
    mine.publish(rows, ignore, DECISION)
    assert len(os.listdir(tmp_path / "masks")) == 3


@pytest.mark.parametrize("other", ["notes.txt", "folder.png", "link.png"])
def test_a_folder_with_anything_else_in_it_is_never_replaced(tmp_path: Path, other: str) -> None:
    (tmp_path / "masks").mkdir()
    if other == "folder.png":
        (tmp_path / "masks" / other).mkdir()
    elif other == "link.png":
        (tmp_path / "masks" / other).symlink_to(tmp_path)
    else:
        (tmp_path / "masks" / other).write_text("precious")
    with pytest.raises(InputError, match=f"holds '{other}', expected nothing but .png files"):
        outputs(tmp_path, overwrite=True).check()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"table": "x.txt"}, "ends in .csv or .csv.gz or .parquet"),
        ({"table": ".csv"}, "ends in .csv or"),
        ({"table": "no/x.csv"}, "no does not exist"),
        ({"masks_in": "no/masks"}, "no does not exist"),
        ({"masks_in": "file"}, "file is not a directory"),
        ({"probabilities_in": "x.npy"}, "expected a name that ends in .npz, or a folder's"),
        ({"probabilities_in": "masks"}, "lie in each other"),
        ({"masks_in": "tiles", "inputs": ["tiles"]}, "lie in each other"),
        ({"masks_in": "tiles/masks", "inputs": ["tiles"]}, "lie in each other"),
        ({"masks_in": "empty", "inputs": ["empty/tiles"]}, "lie in each other"),
        ({"masks_in": "empty", "table": "empty/x.csv"}, "lie in each other"),
        ({"masks_in": "empty", "report": "empty/x.json"}, "lie in each other"),
        ({"masks_in": "empty", "probabilities_in": "empty/maps"}, "lie in each other"),
        ({"table": "labels.csv", "inputs": ["labels.csv"]}, "both read and written"),
        ({"probabilities_in": "y.npz", "inputs": ["y.npz"]}, "both read and written"),
        ({"report": "x.txt"}, "ends in .json"),
        ({"table": "x" * 236 + ".csv"}, "has 240 bytes, expected no more than 234"),
        ({"report": "x" * 235 + ".json"}, "has 240 bytes, expected no more than 234"),
        ({"masks_in": "m" * 300}, "has 300 bytes, expected no more than 234"),
    ],
)
def test_paths_that_cannot_be_used_are_refused_at_once(
    tmp_path: Path, asked: dict[str, Any], says: str
) -> None:
    (tmp_path / "tiles").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=says):
        outputs(tmp_path, **asked).check()
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "tiles"]


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a\\b", "ä" * 126])
def test_names_that_no_file_can_have_are_refused_at_once(tmp_path: Path, name: str) -> None:
    tiles = [Tile("good", "good.png"), Tile(name, "bad.png")]
    with pytest.raises(UsageError, match=r"no file can be named after the tile bad.png"):
        outputs(tmp_path).check_names(tiles)
    outputs(tmp_path, masks_in=None).check_names(tiles)


def test_names_that_are_bad_tiles_anyway_do_not_matter(tmp_path: Path) -> None:
    outputs(tmp_path).check_names([Tile("a" * 251, ""), Tile("two\nlines/", "")])


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_a_full_disk_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    (tmp_path / "x.csv").write_text("precious")
    calls: list[int] = []

    def full(*arguments: object) -> None:
        calls.append(1)
        if len(calls) > fails:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(os, "sync", full)
    mine = outputs(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        mine.publish(rows, ignore, DECISION)
    assert os.listdir(tmp_path) == ["x.csv"]
    assert (tmp_path / "x.csv").read_text() == "precious"


def test_what_a_killed_run_left_is_written_anew(tmp_path: Path) -> None:
    mine = outputs(tmp_path, overwrite=True)
    mine._partial(mine._table).write_text("half")
    partial = mine._partial(mine._all[0])
    for folder in (partial, partial.with_suffix(".old")):
        folder.mkdir()
        (folder / "a.png").write_text("half")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/old.png").write_text("old")
    mine.check()
    mine.publish(rows, ignore, DECISION)
    assert sorted(os.listdir(tmp_path)) == ["masks", "x.csv", "x.npz"]
    assert sorted(os.listdir(tmp_path / "masks")) == ["a.png", "b.png", "c.png"]


def test_what_cannot_be_replaced_takes_the_others_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is mounted after the last look at it."""
    for name in ("maps", "elsewhere"):
        (tmp_path / name).mkdir()
    mine = outputs(tmp_path, probabilities_in="maps", overwrite=True)
    (tmp_path / "x.csv").write_text("precious")
    mine.check()
    command = ["mount", "--bind", tmp_path / "elsewhere", tmp_path / "maps"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a folder cannot be mounted here")
    try:
        with pytest.raises(InputError, match="is a mount point"):
            mine.check()
        monkeypatch.setattr(output_checks, "_is_mount_point", lambda target: False)
        with pytest.raises(OutputError, match=r"outputs cannot be put in place .*busy"):
            mine.publish(rows, ignore, DECISION)
    finally:
        subprocess.run(["umount", tmp_path / "maps"], check=True)
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "maps", "x.csv"]
    assert (tmp_path / "x.csv").read_text() == "precious"

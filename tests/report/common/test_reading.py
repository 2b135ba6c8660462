from __future__ import annotations

import shutil
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from salt_infer.data import dataset
from salt_infer.errors import BadTilesError, InputError, LabelError
from salt_report.common import reading
from salt_report.common.reading import LabelledTiles
from salt_report.errors import ReportError
from tests import pngs
from tests.report.conftest import write_rows


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def packed(root: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in root.rglob("*.png"):
            archive.write(file, file.relative_to(root))
    return path


def test_a_data_set_from_a_folder_or_a_zip(
    drawn: LabelledTiles, folder: Path, tmp_path: Path
) -> None:
    for path in (folder, packed(folder, tmp_path / "train.zip"), tmp_path):
        found = reading.labelled_tiles(path)
        assert found.ids == drawn.ids
        np.testing.assert_array_equal(found.tiles, drawn.tiles)
        np.testing.assert_array_equal(found.masks, drawn.masks)


def test_all_bad_tiles_are_counted_and_some_named(copied: Path) -> None:
    for place in range(12):
        (copied / "images" / f"synthetic-{place:05d}.png").write_bytes(
            pngs.grey([[7] * 64] * 64, 64, 64)
        )
    with pytest.raises(BadTilesError) as caught:
        reading.labelled_tiles(copied)
    message = str(caught.value)
    assert "12 of 60 tiles cannot be read; mend or remove them:\n" in message
    assert "synthetic-00009: is 64x64 pixels, expected 101x101" in message
    assert "synthetic-00010" not in message
    assert message.endswith("and 2 more")
    assert caught.value.exit_code == 3


def test_broken_and_missing_masks_are_named(copied: Path) -> None:
    (copied / "masks" / "synthetic-00003.png").write_bytes(b"")
    (copied / "masks" / "synthetic-00004.png").write_bytes(b"\x89PNG")
    with pytest.raises(
        LabelError, match=r"2 of 60 masks cannot be read:\n +synthetic-00003: empty"
    ):
        reading.labelled_tiles(copied)
    (copied / "masks" / "synthetic-00003.png").unlink()
    with pytest.raises(LabelError, match="no label for 1 of 60 tiles: synthetic-00003"):
        reading.labelled_tiles(copied)


@pytest.mark.parametrize("kind", ["labels.csv", "masks", "root", "zip"])
def test_labels_of_each_kind(drawn: LabelledTiles, folder: Path, tmp_path: Path, kind: str) -> None:
    path = {"root": folder, "zip": packed(folder, tmp_path / "x.zip")}.get(kind, folder / kind)
    with dataset.open_labels(path) as labels:
        assert labels.ids == list(drawn.ids)
        ids = drawn.ids[5:2:-1]
        np.testing.assert_array_equal(reading.masks(labels, ids), drawn.masks[5:2:-1])


def test_tiles_in_the_order_asked_for(drawn: LabelledTiles, folder: Path) -> None:
    for path in (folder, folder / "images"):
        found = reading.tiles(path, [drawn.ids[9], drawn.ids[2]])
        np.testing.assert_array_equal(found, drawn.tiles[[9, 2]])
    with pytest.raises(ReportError, match="does not have 1 of the 2 tiles: elsewhere"):
        reading.tiles(folder, [drawn.ids[0], "elsewhere"])
    with pytest.raises(InputError, match="does not exist"):
        reading.tiles(folder / "nowhere", drawn.ids)


def ids_of(folder: Path, submission: Path, partial: bool = False) -> tuple[str, ...]:
    with dataset.open_labels(folder / "labels.csv") as labels, reading.rows(submission) as rows:
        return reading.scored_ids(rows, labels, partial)


def test_rows_and_labels_must_be_of_the_same_tiles(
    drawn: LabelledTiles, predicted: np.ndarray, folder: Path, tmp_path: Path
) -> None:
    assert ids_of(folder, folder / "sub.csv") == drawn.ids
    short = write_rows(tmp_path / "short.csv", drawn.ids[20::-1], predicted[20::-1])
    with pytest.raises(
        ReportError,
        match=r"no row for 39 of 60 tiles: .*and 29 more; a tile without salt has .*--partial",
    ):
        ids_of(folder, short)
    assert ids_of(folder, short, partial=True) == drawn.ids[:21]
    strange = write_rows(tmp_path / "strange.csv", ["x\ny", *drawn.ids[1:]], predicted)
    with pytest.raises(ReportError, match=r"1 of 60 rows that .* 'x\\ny'; is it of .*--partial"):
        ids_of(folder, strange)
    assert ids_of(folder, strange, partial=True) == drawn.ids[1:]
    others = write_rows(tmp_path / "others.csv", ["x", "y"], predicted[:2])
    for partial, says in ((False, "2 of 2 rows that"), (True, "no tile is in all of")):
        with pytest.raises(ReportError, match=f"{says}.*called x, y, labels {drawn.ids[0]}"):
            ids_of(folder, others, partial)
    nothing = write_rows(tmp_path / "nothing.csv", [], predicted[:0])
    with pytest.raises(ReportError, match="has no rows"):
        ids_of(folder, nothing, partial=True)


def test_a_submission(drawn: LabelledTiles, predicted: np.ndarray, folder: Path) -> None:
    with reading.rows(folder / "sub.csv") as rows, reading.rows(folder / "other.csv") as other:
        found = reading.submission(rows, drawn.ids)
        assert reading.submission(other, drawn.ids).salt is None
    np.testing.assert_array_equal(found.masks, predicted)
    assert found.salt is not None
    assert found.salt[drawn.masks.any(axis=(1, 2))].min() >= 0.5


def test_broken_strings_are_listed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "sub.csv"
    path.write_text("id,rle_mask\na,1 2 3\nb,\nc,10201 2\nd,0 1\n")
    with reading.rows(path) as rows, pytest.raises(LabelError) as caught:
        reading.submission(rows, ["a", "b", "c", "d"])
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("3 of 4 masks cannot be read:")
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["a", "c", "d"]
    assert "out of range 1..10201" in lines[2]


def test_a_judge_out_of_range(tmp_path: Path) -> None:
    path = tmp_path / "sub.csv"
    path.write_text("id,rle_mask,salt\na,,0.5\nb,,1.0000001\nc,,nan\nd,,-inf\n")
    with reading.rows(path) as rows:
        with pytest.raises(
            ReportError, match=r"2 of 4 numbers in the column salt.*\n +b: 1\.0000001\n +d: -inf"
        ):
            reading.submission(rows, ["a", "b", "c", "d"])
        salt = reading.submission(rows, ["c", "a"]).salt
    assert salt is not None
    assert np.isnan(salt[0])
    assert salt[1] == 0.5


def test_a_submission_is_a_table(folder: Path) -> None:
    with pytest.raises(InputError, match=r"masks does not end in \.csv or"):
        reading.rows(folder / "masks")


def test_ids_that_read_the_same_are_the_same(tmp_path: Path, predicted: np.ndarray) -> None:
    composed = ["Été-1", "Été-2"]
    decomposed = [unicodedata.normalize("NFD", name) for name in composed]
    truth = write_rows(tmp_path / "labels.csv", decomposed, predicted[:2])
    path = write_rows(tmp_path / "sub.csv", composed, predicted[:2])
    with dataset.open_labels(truth) as labels, reading.rows(path) as rows:
        ids = reading.scored_ids(rows, labels, partial=False)
        assert ids == tuple(decomposed)
        np.testing.assert_array_equal(reading.submission(rows, ids).masks, predicted[:2])


@pytest.mark.parametrize("twice", ["submission", "labels"])
def test_two_names_that_read_the_same_are_not_one_tile(tmp_path: Path, twice: str) -> None:
    """One of the rows would be passed over, or counted twice."""
    composed = unicodedata.normalize("NFC", "cafe\N{COMBINING ACUTE ACCENT}")
    both = {composed: "1 2", unicodedata.normalize("NFD", composed): "", "b": ""}
    files = {}
    for name in ("submission", "labels"):
        rows = both if name == twice else {composed: "1 2", "b": ""}
        lines = "".join(f"{each},{rle}\n" for each, rle in rows.items())
        files[name] = tmp_path / f"{name}.csv"
        files[name].write_text(f"id,rle_mask\n{lines}")
    with reading.rows(files["submission"]) as rows, dataset.open_labels(files["labels"]) as labels:
        for partial in (False, True):
            with pytest.raises(ReportError, match=f"{twice}.csv has several rows for .* read the"):
                reading.scored_ids(rows, labels, partial)


def test_labels_without_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,rle_mask\na,\n")
    (tmp_path / "l.csv").write_text("id,rle_mask\n")
    with (
        reading.rows(tmp_path / "s.csv") as rows,
        dataset.open_labels(tmp_path / "l.csv") as labels,
        pytest.raises(ReportError, match=r"l\.csv has no labels, expected one for each"),
    ):
        reading.scored_ids(rows, labels, partial=True)

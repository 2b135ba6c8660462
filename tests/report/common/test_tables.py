from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from salt_infer.errors import InputError
from salt_report.common import tables
from salt_report.errors import ReportError

IDS = ("a", "b", "c")
CLASSES = np.array([0, 3, 10])


def written(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_depths_by_id(tmp_path: Path) -> None:
    path = written(tmp_path, "id,z\nc,12.5\na,900\nx,1\n")
    found = tables.depths(path, IDS)
    np.testing.assert_array_equal(found, [900, np.nan, 12.5])


def test_an_empty_cell_is_a_depth_that_is_not_known(tmp_path: Path) -> None:
    """As a spreadsheet writes one; what is said of tiles that are not here does not matter."""
    path = written(tmp_path, "id,z\nc,12.5\na, \nb,\nx,unknown\n")
    np.testing.assert_array_equal(tables.depths(path, IDS), [np.nan, np.nan, 12.5])


def test_depths_beside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    assert tables.find_depths(data) is None
    (tmp_path / "depths.csv").touch()
    assert tables.find_depths(data) == tmp_path / "depths.csv"
    assert tables.find_depths(tmp_path / "train.zip") == tmp_path / "depths.csv"
    monkeypatch.chdir(data)
    assert tables.find_depths(Path()) == Path("../depths.csv")
    (tmp_path / "at").mkdir()
    (tmp_path / "at" / "data").symlink_to(data)
    (tmp_path / "at" / "depths.csv").touch()
    (tmp_path / "depths.csv").unlink()
    assert tables.find_depths(tmp_path / "at" / "data") == tmp_path / "at" / "depths.csv"
    (data / "depths.csv").touch()
    assert tables.find_depths(data) == data / "depths.csv"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"starts with \[\], expected id,z"),
        ("id,depth\na,1\n", "expected id,z"),
        ("id,z\na,1,2\n", "line 2: 3 columns, expected 2"),
        ("id,z\na,1\na,2\n", "line 3: id 'a' appears a second time"),
        ("id,z\na,deep\nb,inf\nx,?\n", r"2 of 3 depths are no numbers:\n +a: deep\n +b: inf"),
        ("id,z\nx,1\n", "the depth of none of the 3 tiles: a, b, c"),
    ],
)  # fmt: skip
def test_depths_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ReportError, match=says) as caught:
        tables.depths(written(tmp_path, text), IDS)
    assert str(tmp_path) in str(caught.value)


def test_folds_as_training_writes_them(tmp_path: Path) -> None:
    from salt_train.data.folds import Split

    Split(IDS, np.array([2, 0, 1]), CLASSES).write(tmp_path)
    assert tables.folds(tmp_path / "split.csv", IDS, CLASSES).tolist() == [2, 0, 1]


def test_folds_without_classes(tmp_path: Path) -> None:
    path = written(tmp_path, "id,fold\nc,1\nb,0\na,0\n")
    assert tables.folds(path, IDS, CLASSES).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,fold\na,1\nb,1\n", "no row for 1 tiles: c"),
        ("id,fold\na,1\nb,1\nc,1\nd,1\n", "not in the data: 1 tiles: d"),
        ("id,fold\na,1\nb,-1\nc,1000\n", r"2 folds .*\n +b: -1\n +c: 1000"),
        ("id,fold\na,1\nb,\nc,²\n", "2 folds are not numbers"),
        ("id,fold,coverage_class\na,1,0\nb,1,4\nc,1,10\n", "b: class 4, its mask is of class 3"),
    ],
)  # fmt: skip
def test_folds_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ReportError, match=says):
        tables.folds(written(tmp_path, text), IDS, CLASSES)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,z\n\xff,1\n")
    with pytest.raises(ReportError, match="cannot be read as CSV"):
        tables.depths(path, IDS)
    with pytest.raises(InputError, match=r"there is no file .*none\.csv"):
        tables.depths(tmp_path / "none.csv", IDS)


COMPOSED, PARTED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"


def test_names_that_read_the_same_are_found(tmp_path: Path) -> None:
    ids = ("b", PARTED)
    path = written(tmp_path, f"id,z\n{COMPOSED},12.5\nb,900\n")
    np.testing.assert_array_equal(tables.depths(path, ids), [900, 12.5])
    path = written(tmp_path, f"id,fold,coverage_class\n{COMPOSED},1,3\nb,0,0\n")
    assert tables.folds(path, ids, np.array([0, 3])).tolist() == [0, 1]
    with pytest.raises(ReportError, match="1 coverage classes differ"):
        tables.folds(path, ids, np.array([0, 4]))


def test_a_table_of_other_tiles_beside_the_data_is_none_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, "id,z\nx,1\n")
    assert tables.depths_beside(path, IDS) is None
    with pytest.raises(ReportError, match="the depth of none of the 3 tiles"):
        tables.depths(path, IDS)
    path = written(tmp_path, "id,z\nx,1\na,2\n")
    np.testing.assert_array_equal(tables.depths_beside(path, IDS), [2, np.nan, np.nan])


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"has a column twice in \['id', 'z', 'z'\]"):
        tables.depths(written(tmp_path, "id,z,z\na,1,900\n"), IDS)


def test_columns_without_names_are_passed_over(tmp_path: Path) -> None:
    found = tables.depths(written(tmp_path, "id,z,,\na,100,,\n"), ("a",))
    assert found.tolist() == [100]

from __future__ import annotations

import gzip
import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.data.labels import Labels
from salt_infer.errors import InputError, LabelError
from salt_infer.execution.results import FinishedGroup, Row
from salt_infer.job import write_table
from salt_infer.masks import table
from salt_infer.masks.table import read_column, read_rows

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8
)  # as file names are
ROWS = st.dictionaries(NAMES, st.sampled_from(["", "1 2", "5 3 108 1"]), min_size=1)


GROUP = FinishedGroup(0, "", [], [], np.zeros(0, np.float32), None, [], b"", {})


def entry(name: str, mask: str, salt: float = 0.5) -> Row:
    return Row(name, mask, salt, 0.25, "", GROUP, -1)


def endings() -> list[str]:
    return [*table.ENDINGS]


def written(folder: Path, ending: str, rows: list[Row], details: bool = False) -> Path:
    if ending == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    path = folder / f"x{ending}"
    file = io.BytesIO()
    write_table.write(file, path, rows, details)
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize("ending", endings())
@given(rows=ROWS)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, ending: str, rows: dict[str, str]
) -> None:
    entries = [entry(name, mask) for name, mask in rows.items()]
    path = written(tmp_path_factory.mktemp("table"), ending, entries)
    assert read_rows(path) == rows


@pytest.mark.parametrize("ending", endings())
def test_labels_and_columns_of_every_kind(tmp_path: Path, ending: str) -> None:
    entries = [entry("a", "1 2"), entry("b", "", float("nan"))]
    path = written(tmp_path, ending, entries, details=True)
    with Labels(path) as labels:
        assert labels.masks(["b", "a"]).sum(axis=(1, 2)).tolist() == [0, 2]
    salt = read_column(path, "salt")
    assert salt["a"] == 0.5
    assert np.isnan(salt["b"])


@pytest.mark.parametrize("ending", endings())
def test_a_number_that_pandas_leaves_out_is_nan(tmp_path: Path, ending: str) -> None:
    pandas = pytest.importorskip("pandas", reason="pip install '.[report]'")
    rows = pandas.DataFrame({"id": ["a", "b"], "rle_mask": ["1 2", ""], "salt": [0.5, np.nan]})
    path = tmp_path / f"x{ending}"
    if ending == ".parquet":
        pytest.importorskip("pyarrow", reason="pip install '.[parquet]'")
        rows.to_parquet(path)
    else:
        rows.to_csv(path, index=False)
    salt = read_column(path, "salt")
    assert salt["a"] == 0.5
    assert np.isnan(salt["b"])


@pytest.mark.parametrize("ending", endings())
def test_a_file_that_is_not_there_is_a_missing_input(tmp_path: Path, ending: str) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    with pytest.raises(InputError, match=f"there is no file .*x{ending}$"):
        table.read(tmp_path / f"x{ending}")


@pytest.mark.parametrize("ending", endings())
def test_nothing_of_the_kind(tmp_path: Path, ending: str) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    path = tmp_path / f"x{ending}"
    path.write_bytes(b"\xff\xfe nothing of the kind")
    with pytest.raises(LabelError, match="cannot be read as"):
        table.read(path)


def test_a_torn_archive(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"id,rle_mask\na,\nb,1 2\n" * 99)[:-9])
    with pytest.raises(LabelError, match="cannot be read as compressed CSV"):
        table.read(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"id,rle_mask\n" + b"\n" * (1 << 25)))
    with pytest.raises(LabelError, match="over 200 times its size"):
        table.read(path)


def test_parquet_of_others(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pip install '.[parquet]'")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install '.[parquet]'")
    path = tmp_path / "x.parquet"
    parquet.write_table(arrow.table({"id": ["a", "b"], "rle_mask": [None, "1 2"]}), path)
    assert read_rows(path) == {"a": "", "b": "1 2"}
    none = {"id": ["a", "b"], "rle_mask": arrow.array([None, None])}
    parquet.write_table(arrow.table(none), path)
    assert read_rows(path) == {"a": "", "b": ""}
    words = arrow.array(["1 2", "1 2"]).dictionary_encode()
    parquet.write_table(arrow.table({"id": ["a", "b"], "rle_mask": words}), path)
    assert read_rows(path) == {"a": "1 2", "b": "1 2"}
    for faulty in ({"id": ["a"], "rle_mask": [1]}, {"id": [None], "rle_mask": [""]}):
        parquet.write_table(arrow.table(faulty), path)
        with pytest.raises(LabelError, match=r"line 1: not text, expected id,rle_mask"):
            table.read(path)
    long = {"id": [str(n) for n in range(2000)], "rle_mask": ["1 2 " * 5000] * 2000}
    parquet.write_table(arrow.table(long), path)
    with pytest.raises(LabelError, match="over 200 times its size"):
        table.read(path)
    repeated = {"id": ["a", "b"] * 9, "rle_mask": ["1 2 " * 10**6] * 18}
    parquet.write_table(arrow.table(repeated), path, compression="zstd")
    with pytest.raises(LabelError, match="over 200 times its size"):
        table.read(path)
    more = {"id": ["a"], "rle_mask": ["1 2"], "n": [0.5], "nothing": [None], "word": ["x"]}
    parquet.write_table(arrow.table(more), path)
    assert table.read(path).rows == {"a": ["1 2", "0.5", "", "x"]}
    for odd, kind in (([["1 2"]], "list<"), ([b"1 2"], "binary")):
        parquet.write_table(arrow.table({"id": ["a"], "rle_mask": odd}), path)
        with pytest.raises(LabelError, match=f"has {kind}.* in 'rle_mask', expected text or num"):
            table.read(path)
    parquet.write_table(arrow.table({"id": ["a", "a"], "rle_mask": ["", ""]}), path)
    with pytest.raises(LabelError, match="line 2: id 'a' appears a second time"):
        table.read(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,mask\na,\n", r"starts with \['id', 'mask'\], expected id,rle_mask"),
        ("", "is empty, or its first line is, expected id,rle_mask"),
        ("id,rle_mask\na,1 2\na,\n", "line 3: id 'a' appears a second time"),
        ("id,rle_mask\na\n", "line 2: 1 columns"),
        ("id,rle_mask\na,1 2\n\nb,\n", "line 3: 0 columns, expected id,rle_mask"),
        ("id,rle_mask\na,1 2\n\n", "line 3: 0 columns"),
        ("\nid,rle_mask\na,1 2\n", "its first line is, expected"),
        ("id,rle_mask\na,1 2,0.5\n", "line 2: 3 columns, expected id,rle_mask"),
        ("id,rle_mask,salt\na,,1\nb,\n", "line 3: 2 columns, expected id,rle_mask,salt"),
        ("id,salt,rle_mask\na,1,\n", "expected id,rle_mask: put these two first, in this order"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(LabelError, match=says):
        read_rows(path)


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"id,rle_mask\n\xff\xfe,\n")
    with pytest.raises(LabelError, match="cannot be read as CSV"):
        read_rows(path)


DETAILED = "id,rle_mask,salt,confidence\n" + 'b,1 2,0.9,0.4\n"a,""x",,nan,0.0000\n'


def test_further_columns_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(DETAILED)
    assert read_rows(path) == {"b": "1 2", 'a,"x': ""}
    with Labels(path) as labels:
        assert labels.masks(["b"]).sum() == 2


def test_a_column_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(DETAILED, encoding="utf-8-sig")
    assert read_column(path, "confidence") == {"b": 0.4, 'a,"x': 0.0}
    salt = read_column(path, "salt")
    assert salt["b"] == 0.9
    assert math.isnan(salt['a,"x'])


def test_a_further_column_may_be_named_like_one_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask,id,x\na,1 2,4,3\n")
    assert read_column(path, "id") == {"a": 4.0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,rle_mask\na,1 2\n", r"no column salt; write it with salt-infer --details"),
        ("id,rle_mask,confidence\na,1 2,1\n", "no column salt"),
        ("id,rle_mask,salt\na,1 2,1\nb,,high\n", "salt of b is 'high', expected a number"),
        ("id,rle_mask,salt\nx\x1b[2J,1 2,abc\n", r"salt of 'x\\x1b\[2J' is 'abc'"),
        ("id,rle_mask,salt\n\n", "line 2: 0 columns"),
        ("id,rle_mask,salt,x,salt\na,,0,1,1\n", "has the column salt twice, expected it once"),
        ("id,mask,salt\n", "expected id,rle_mask"),
    ],
)
def test_columns_that_cannot_be_read(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(LabelError, match=says):
        read_column(path, "salt")


def test_an_empty_cell_is_what_pandas_makes_of_nan(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask,salt\na,1 2,\nb,,0.5\n")
    found = read_column(path, "salt")
    assert np.isnan(found["a"])
    assert found["b"] == 0.5


def test_the_first_columns_are_no_numbers_to_ask_for(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask\n1,\n")
    for column in ("id", "rle_mask"):
        with pytest.raises(LabelError, match=f"no column {column}"):
            read_column(path, column)

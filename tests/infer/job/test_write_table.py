from __future__ import annotations

import csv
import gzip
import io
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.errors import PackageError
from salt_infer.execution.results import Row
from salt_infer.job import write_table
from salt_infer.masks.table import read_column, read_rows
from tests.infer.finished import finished

GROUPS = [finished(0, ['a,"1', "b"], ["", "1 2"]), finished(1, ["d"], ["3 4"], bad=["c"])]
ROWS = [row for group in GROUPS for row in group.entries(empty=True)]


def content(name: str, rows: list[Row] = ROWS, details: bool = False) -> bytes:
    file = io.BytesIO()
    write_table.write(file, Path(name), rows, details)
    return file.getvalue()


def test_rows_are_quoted_where_need_be_and_lines_end_in_newline() -> None:
    assert content("x.csv") == b'id,rle_mask\n"a,""1",\nb,1 2\nc,\nd,3 4\n'
    assert content("x.CSV", []) == b"id,rle_mask\n"


def test_details_are_further_columns(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    out.write_bytes(content("x.csv", details=True))
    assert out.read_text().splitlines() == [
        "id,rle_mask,salt,confidence,crc32",
        '"a,""1",,0.1000,0.9000,8097c159',
        "b,1 2,0.9000,0.1000,0b3c9dbf",
        "c,,nan,0.0000,",
        "d,3 4,0.1000,0.9000,8097c159",
    ]
    assert read_rows(out) == {'a,"1': "", "b": "1 2", "c": "", "d": "3 4"}
    assert read_column(out, "confidence")["c"] == 0.0


@given(st.lists(st.tuples(st.text().filter(str.isprintable), st.text("0123 ")), max_size=5))
def test_a_csv_gives_back_what_was_written(pairs: list[tuple[str, str]]) -> None:
    rows = [Row(name, text, 0.0, 0.0, "", GROUPS[0], 0) for name, text in pairs]
    text = content("x.csv", rows).decode()
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))][1:] == pairs


@pytest.mark.parametrize("details", [False, True])
def test_compressed_it_is_the_same_and_always_the_same_bytes(
    details: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = content("x.csv.gz", details=details)
    assert gzip.decompress(packed) == content("x.csv", details=details)
    monkeypatch.setattr(gzip, "time", types.SimpleNamespace(time=lambda: 2e9))
    assert content("somewhere/y.csv.GZ", details=details) == packed


@pytest.mark.parametrize("details", [False, True])
def test_parquet_has_the_same_rows(details: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: extra parquet")
    from pyarrow import parquet

    monkeypatch.setattr(write_table, "_ROW_GROUP", 3)
    data = content("x.parquet", details=details)
    assert data == content("y.parquet", details=details)
    table = parquet.read_table(io.BytesIO(data))
    names = ["id", "rle_mask", "salt", "confidence", "crc32"][: 5 if details else 2]
    assert table.column_names == names
    assert parquet.ParquetFile(io.BytesIO(data)).num_row_groups == 2
    for name, values in zip(names, zip(*ROWS, strict=True), strict=False):
        assert table[name].to_pylist() == pytest.approx(list(values), nan_ok=True)


def test_parquet_without_rows() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: extra parquet")
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(content("x.parquet", [])))
    assert (table.column_names, table.num_rows) == (["id", "rle_mask"], 0)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    write_table.check_kind(Path("x.csv.gz"))
    with pytest.raises(PackageError, match=r"pip install 'salt-toolkit\[parquet\]', or write .csv"):
        write_table.check_kind(Path("x.parquet"))

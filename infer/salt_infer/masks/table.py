"""Tables of ``id,rle_mask``, and columns after them: CSV, compressed CSV or Parquet."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from salt_infer.errors import InputError, LabelError, PackageError
from salt_infer.system.text import shown

COLUMNS = ("id", "rle_mask")
ENDINGS = (".csv", ".csv.gz", ".parquet")
SALT = "salt"  # the column that has NaN for a tile that could not be read
CONFIDENCE = "confidence"

# A compressed CSV of masks unpacks to some ten times its size; what goes far beyond is a bomb.
_RATIO, _SLACK = 200, 1 << 20
# Of other competitions' tables of the same kind, in lower case.
_OTHER_NAMES = {
    ("imageid", "encodedpixels"),
    ("image_id", "encodedpixels"),
    ("id", "encodedpixels"),
}
_NUMBER = 8  # characters of a number, about
_BATCH = 1 << 16  # rows of Parquet that are read together


class Table(NamedTuple):
    """What a file holds.

    Attributes:
        header: names of its columns, COLUMNS first.
        rows: by id, in the file's order, what follows it.
    """

    header: list[str]
    rows: dict[str, list[str]]


def kind(path: Path) -> str | None:
    """Which of ENDINGS a name has, if any."""
    return next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)


def read(path: Path) -> Table:
    """Read a table, as its name says; nothing is decoded.

    Raises:
        InputError: there is no such file.
        LabelError: unreadable, another header, a malformed row, or one id twice.
        PackageError: it is Parquet, and pyarrow is not installed.
    """
    try:
        if kind(path) == ".parquet":
            return _parquet(path)
        text = _unpacked(path) if kind(path) == ".csv.gz" else path.read_bytes()
        return _csv(path, text.decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except UnicodeDecodeError as error:
        raise LabelError(
            f"{path} cannot be read as CSV (it is not UTF-8: {error.reason}); save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise LabelError(f"{path} cannot be read as {_NAMES[kind(path)]} ({error})") from error


def parse(path: Path, data: bytes) -> Table:
    """A CSV's bytes, read from somewhere inside ``path``; raises LabelError as :func:`read`."""
    try:
        return _csv(path, data.decode("utf-8-sig"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path} cannot be read as CSV ({error})") from error


def masks(table: Table) -> dict[str, str]:
    """Run-length string of each id."""
    return {name: row[0] for name, row in table.rows.items()}


def read_rows(path: Path) -> dict[str, str]:
    """Run-length string of each id in a submission or table of labels; nothing is decoded.

    Columns after ``id,rle_mask`` are passed over; raises as :func:`read`.
    """
    return masks(read(path))


def read_column(path: Path, column: str) -> dict[str, float]:
    """:func:`find_column`, where the column has to be there.

    Raises:
        LabelError: likewise, or there is no such column.
    """
    if (found := find_column(path, column)) is None:
        raise LabelError(f"{path} has no column {column}; write it with salt-infer --details")
    return found


def find_column(path: Path, column: str) -> dict[str, float] | None:
    """Number of each id in one of the columns that ``salt-infer --details`` adds: ``salt``, NaN
    for a tile that could not be read, or ``confidence``; both are 0..1. None without that column.

    Raises:
        LabelError: as :func:`find_texts`, or something in it is no number.
    """
    texts = find_texts(path, column)
    if texts is None:
        return None
    nothing = "nan" if column == SALT else ""  # what pandas writes for NaN is an empty cell
    return {
        name: _number(text or nothing, f"{path}: {column} of {shown(name)}")
        for name, text in texts.items()
    }


def find_texts(path: Path, column: str) -> dict[str, str] | None:
    """What each id has in another column, such as the ``crc32`` that ``salt-infer --details`` adds;
    None without that column.

    Raises:
        LabelError: as :func:`read_rows`, or the column is there twice.
    """
    header, rows = read(path)
    further = header[len(COLUMNS) :]
    if column not in further:
        return None
    if further.count(column) > 1:
        raise LabelError(f"{path} has the column {column} twice, expected it once")
    index = len(COLUMNS) - 1 + further.index(column)
    return {name: row[index] for name, row in rows.items()}


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise LabelError(f"{what} is {text[:20]!r}, expected a number") from error


_NAMES = {None: "CSV", ".csv": "CSV", ".csv.gz": "compressed CSV", ".parquet": "Parquet"}


def pyarrow(module: str = "pyarrow") -> Any:
    """A module of the package that reads and writes Parquet.

    Raises:
        PackageError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise PackageError(
            "pyarrow is not installed, and Parquet needs it; pip install 'salt-toolkit[parquet]', "
            "or write .csv"
        ) from error


def _unpacked(path: Path) -> bytes:
    limit = _RATIO * path.stat().st_size + _SLACK
    with gzip.open(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise LabelError(f"{path} unpacks to over {_RATIO} times its size, which no masks do")
    return data


def _csv(path: Path, text: str) -> Table:
    lines = csv.reader(io.StringIO(text, newline=""))
    header = next(lines, [])
    _check(path, header)
    return Table(header, _unique(path, header, ((lines.line_num, line) for line in lines)))


def _parquet(path: Path) -> Table:
    arrow, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    try:
        with path.open("rb") as stream:
            schema = parquet.read_schema(stream)
            header = list(schema.names)
            _check(path, header)
            # A text that repeats stays one, and takes the memory of one.
            with parquet.ParquetFile(stream, read_dictionary=_texts(path, schema)) as file:
                return Table(header, _unique(path, header, _lines(path, file)))
    except arrow.ArrowException as error:
        raise LabelError(f"{path} cannot be read as Parquet ({error})") from error


def _texts(path: Path, schema: Any) -> list[str]:
    """Columns of text; raises LabelError where one is neither that nor of numbers."""
    types, texts = pyarrow("pyarrow.types"), []
    view = getattr(types, "is_string_view", types.is_string)  # older releases know none
    for column in schema:
        kind = column.type.value_type if types.is_dictionary(column.type) else column.type
        if any(is_kind(kind) for is_kind in (types.is_string, types.is_large_string, view)):
            texts.append(column.name)
        elif not (types.is_primitive(kind) or types.is_decimal(kind) or types.is_null(kind)):
            raise LabelError(f"{path} has {kind} in {column.name!r}, expected text or numbers")
    return texts


def _characters(column: Any) -> int:
    """Bytes of a column of text, each value counted wherever it stands; of another about as many
    as its numbers have in writing.
    """
    if not pyarrow("pyarrow.types").is_dictionary(column.type):
        return _NUMBER * len(column)
    compute = pyarrow("pyarrow.compute")
    lengths = compute.binary_length(column.dictionary)
    return compute.sum(lengths.take(column.indices)).as_py() or 0


def _values(column: Any) -> list[Any]:
    is_text = pyarrow("pyarrow.types").is_dictionary(column.type)
    return list((column.dictionary_decode() if is_text else column).to_pylist())


def _lines(path: Path, file: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows of Parquet, in bounded memory: values that repeat take hardly any room in the file."""
    left, number = _RATIO * path.stat().st_size + _SLACK, 0
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    left -= sum(group.total_byte_size for group in groups)
    for batch in file.iter_batches(_BATCH) if left >= 0 else ():
        left -= sum(map(_characters, batch.columns))
        if left < 0:
            break
        for row in zip(*map(_values, batch.columns), strict=True):
            number += 1
            name, mask, *rest = row
            # Some writers have null where a mask is empty, and pandas where a number is NaN.
            if not (isinstance(name, str) and isinstance(mask or "", str)):
                raise LabelError(f"{path}, line {number}: not text, expected {','.join(COLUMNS)}")
            yield number, [name, mask or "", *map(_cell, rest)]
    if left < 0:
        raise LabelError(f"{path} holds over {_RATIO} times its size, which no masks do")


def _cell(value: Any) -> str:
    """As a CSV has it."""
    return "" if value is None else str(value)


def _check(path: Path, header: list[str]) -> None:
    if tuple(header[: len(COLUMNS)]) != COLUMNS:
        seen = f"starts with {header[:9]}" if header else "is empty, or its first line is"
        raise LabelError(f"{path} {seen}, expected {','.join(COLUMNS)}{_advice(header)}")


def _advice(header: list[str]) -> str:
    """What a header of another kind tells of how the file was written; empty where it tells
    nothing.
    """
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and mark in header[0]:
            return f": its columns are parted by {name}; save it with commas"
    if len(header) == 1 and "," in header[0]:
        return ": each of its lines is in quotes as a whole; save it without"
    if tuple(header[1 : len(COLUMNS) + 1]) == COLUMNS:
        return ": its first column is one of numbers, as pandas adds; save it with index=False"
    if set(COLUMNS) <= set(header):
        return (
            f": put these two first, in this order (pandas: table.reset_index()[{[*COLUMNS]}], "
            "and with index=False)"
        )
    plain = tuple(name.strip().lower() for name in header[: len(COLUMNS)])
    if plain == COLUMNS:
        return ": write them in lower case, without spaces"
    if plain in _OTHER_NAMES:
        return f": name its columns {','.join(COLUMNS)}"
    numbers = header[1].split() if len(header) > 1 else []
    if numbers and all(map(str.isdecimal, numbers)):
        return ": the first line has to name the columns"
    return ""


def _unique(
    path: Path, header: list[str], lines: Iterable[tuple[int, list[str]]]
) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for number, line in lines:
        where = f"{path}, line {number}"
        if len(line) != len(header):
            raise LabelError(f"{where}: {len(line)} columns, expected {','.join(header)}")
        name, *rest = line
        if name in rows:
            raise LabelError(f"{where}: id {name!r} appears a second time")
        rows[name] = rest
    return rows

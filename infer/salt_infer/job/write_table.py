"""The rows of a run as a file: CSV, compressed CSV or Parquet; row by row, in bounded memory."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from salt_infer.execution.results import Row
from salt_infer.masks import table
from salt_infer.masks.table import COLUMNS

DETAILS = ("salt", "confidence", "crc32")

_ROW_GROUP = 1 << 16  # rows of a Parquet file that are in memory together


def check_kind(out: Path) -> None:
    """Fail now, not after hours, where a package is missing.

    Raises:
        PackageError: ``out`` is to be Parquet, and pyarrow is not installed.
    """
    if table.kind(out) == ".parquet":
        table.pyarrow()


def write(file: IO[bytes], out: Path, rows: Iterable[Row], details: bool) -> None:
    """Write rows in the format that a name asks for.

    The same rows give the same bytes; of Parquet, with the same version of pyarrow.

    Args:
        file: to write to.
        out: the name that ends in one of ``table.ENDINGS``.
        rows: sorted by id.
        details: write the columns DETAILS too: numbers in a CSV with four decimals, in
            Parquet as float32.
    """
    kind = table.kind(out)
    if kind == ".parquet":
        _write_parquet(file, rows, details)
    elif kind == ".csv.gz":
        # Neither a name nor a time in the header: they would differ from run to run.
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            _write_csv(packed, rows, details)
    else:
        _write_csv(file, rows, details)


def _write_csv(file: Any, rows: Iterable[Row], details: bool) -> None:
    """``id,rle_mask`` and ``\\n`` line ends."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS + DETAILS if details else COLUMNS)
    writer.writerows(_cells(row, details) for row in rows)
    text.detach()  # flushes, and leaves the file open


def _cells(row: Row, details: bool) -> Sequence[str]:
    if not details:
        return row.id, row.rle
    return row.id, row.rle, f"{row.salt:.4f}", f"{row.confidence:.4f}", row.crc32


def _write_parquet(file: IO[bytes], rows: Iterable[Row], details: bool) -> None:
    arrow, parquet = table.pyarrow(), table.pyarrow("pyarrow.parquet")
    text, number = arrow.string(), arrow.float32()
    kinds = [text, text, number, number, text]
    names = COLUMNS + DETAILS if details else COLUMNS
    schema = arrow.schema(list(zip(names, kinds[: len(names)], strict=True)))
    waiting = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while part := list(itertools.islice(waiting, _ROW_GROUP)):
            columns = list(zip(*(row[: len(names)] for row in part), strict=True))
            writer.write_table(arrow.table(columns, schema=schema))

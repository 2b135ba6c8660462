"""The finished CSV: whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from salt_infer.files import check_writable, write_whole
from salt_infer.labels import COLUMNS


class Submission:
    """Collects rows in any order and publishes them sorted by id.

    Attributes:
        path: the file to write.
        rows: run-length string by id.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        """Prepare; raises as :func:`salt_infer.files.check_writable`."""
        check_writable(path, overwrite)
        self.path, self._overwrite = path, overwrite
        self.rows: dict[str, str] = {}

    def add(self, ids: Sequence[str], rle: Sequence[str]) -> None:
        """Add finished tiles."""
        self.rows.update(zip(ids, rle, strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def publish(self) -> None:
        """Write ``id,rle_mask`` rows sorted by id, ``\\n`` line ends, under the final name.

        Raises:
            OutputExistsError: someone else has written ``path`` during the run.
            InputError: the disk is full, or the folder has become read-only.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(sorted(self.rows.items()))
        write_whole(self.path, text.getvalue().encode(), self._overwrite)

"""The finished CSV: whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.files import check_writable, write_whole
from salt_infer.labels import COLUMNS

DETAILS = ("salt", "confidence")
UNREAD = ("nan", "0.0000")  # of a tile that the model has not seen


class Submission:
    """Collects rows in any order and publishes them sorted by id.

    Attributes:
        path: the file to write.
        rows: run-length string by id.
        details: what stands in the columns DETAILS, by id; empty unless they were asked for.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        """Prepare; raises as :func:`salt_infer.files.check_writable`."""
        check_writable(path, overwrite)
        self.path, self._overwrite = path, overwrite
        self.rows: dict[str, str] = {}
        self.details: dict[str, tuple[str, ...]] = {}

    def add(self, ids: Sequence[str], rle: Sequence[str]) -> None:
        """Add finished tiles."""
        self.rows.update(zip(ids, rle, strict=True))

    def add_details(
        self,
        ids: Sequence[str],
        salt: npt.NDArray[np.float32],
        confidence: npt.NDArray[np.float32],
    ) -> None:
        """Add what is known of finished tiles: float32 [N] each, 0..1."""
        for name, *numbers in zip(ids, salt.tolist(), confidence.tolist(), strict=True):
            self.details[name] = tuple(f"{number:.4f}" for number in numbers)

    def __len__(self) -> int:
        return len(self.rows)

    def publish(self, details: bool = False) -> str:
        """Write ``id,rle_mask`` rows sorted by id, ``\\n`` line ends, under the final name.

        Args:
            details: write the columns DETAILS too.

        Returns:
            The file's sha256.

        Raises:
            OutputExistsError: someone else has written ``path`` during the run.
            InputError: the disk is full, or the folder has become read-only.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS + DETAILS if details else COLUMNS)
        for name, rle in sorted(self.rows.items()):
            more = self.details.get(name, UNREAD) if details else ()
            writer.writerow((name, rle, *more))
        content = text.getvalue().encode()
        write_whole(self.path, content, self._overwrite)
        return hashlib.sha256(content).hexdigest()

"""Samples of a SEG-Y file by the numbers of its traces."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_survey.segy import samples
from salt_survey.segy.layout import Layout
from salt_survey.segy.order import Endian
from salt_survey.segy.raw import RawFile
from salt_survey.segy.samples import Portion

_LOOKS = 64  # traces whose bytes enter the digest


class SegySource:
    """An open file, and where its traces are."""

    def __init__(self, path: Path, layout: Layout, reading: int, endian: Endian) -> None:
        """``reading``, ``endian``: format and byte order of the samples."""
        self._file = RawFile(path)
        self._layout, self._reading, self._endian = layout, reading, endian

    def read(self, traces: npt.NDArray[np.integer]) -> Portion:
        """Some traces."""
        return samples.read(self._file, self._layout, self._reading, self._endian, traces)

    def portions(self) -> Iterator[npt.NDArray[np.int64]]:
        """Numbers of all traces."""
        return samples.portions(self._layout)

    def digest(self) -> str:
        """Of size, time of change, file headers, and of traces all over it."""
        status = os.stat(self._file.path)
        digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns} ".encode())
        digest.update(self._file.read(0, self._layout.start).tobytes())
        for trace in np.unique(np.linspace(0, self._layout.traces - 1, _LOOKS).astype(np.int64)):
            digest.update(
                self._file.read(self._layout.offset(int(trace)), self._layout.pitch).tobytes()
            )
        return digest.hexdigest()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

"""A survey opened: its grid, and blocks of its amplitudes. The one door to the data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from salt_survey.scan import Scan

NO_TRACE = -1


@dataclasses.dataclass(frozen=True)
class Block:
    """Part of a survey.

    Attributes:
        amplitude: float32 [i, x, s], finite; 0 where nothing was recorded.
        recorded: bool [i, x, s]; false of missing and dead traces, of samples that are not finite
            or a null value, and of mutes: zeros at a trace's beginning and end.
    """

    amplitude: npt.NDArray[np.float32]
    recorded: npt.NDArray[np.bool_]


class Survey:
    """A survey's grid and amplitudes; memory is bounded by the blocks asked for and by some 24
    bytes a trace. One thread at a time.

    Attributes:
        path: of the file.
        scan: what it is, and what was decided about it.
        inlines: int64 [I], ascending; a 2-D line has one.
        crosslines: int64 [X], ascending.
        times_ms: float64 [S], of the samples.
        traces: int64 [I, X], number of the file's trace in each place, :data:`NO_TRACE` where none.
        x, y: float64 [I, X], coordinates; NaN where there is no trace, or they are not known.
        live: bool [I, X], there is a trace and it is not dead.
    """

    path: Path
    scan: Scan
    inlines: npt.NDArray[np.int64]
    crosslines: npt.NDArray[np.int64]
    times_ms: npt.NDArray[np.float64]
    traces: npt.NDArray[np.int64]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    live: npt.NDArray[np.bool_]

    @classmethod
    def open(cls, path: Path, scan: Scan | None = None) -> Self:
        """Open SEG-Y, a Zarr or ``.npy``.

        Args:
            path: of the survey.
            scan: how to read it; scanned anew if None.

        Raises:
            SurveyError: it cannot be read, or not without an answer to the scan's questions; or it
                is not the file that ``scan`` is of.
        """
        raise NotImplementedError

    @property
    def is_line(self) -> bool:
        """A 2-D line: one inline."""
        return self.scan.is_line

    def read(self, inlines: slice, crosslines: slice, samples: slice = slice(None)) -> Block:
        """Amplitudes and where there are some.

        Args:
            inlines: places in the attribute of that name, not numbers; step 1, as of all three.
            crosslines: likewise.
            samples: likewise.

        Raises:
            SurveyError: the file is gone, or was changed meanwhile.
        """
        raise NotImplementedError

    def digest(self) -> str:
        """SHA-256 of the file's bytes (of a Zarr: of its files' names and bytes, sorted)."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        raise NotImplementedError

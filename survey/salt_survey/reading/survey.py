"""A survey opened: its grid, and blocks of its amplitudes. The one door to the data."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from salt_infer.errors import UsageError
from salt_infer.system.callbacks import Advance
from salt_survey.errors import ForeignError, SurveyError
from salt_survey.reading import arrays, segy_source, unsupported
from salt_survey.scan import contradictions, geometry, recorded, segy_scan
from salt_survey.scan.findings import Found
from salt_survey.scan.geometry import NO_TRACE
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.segy.layout import Layout
from salt_survey.segy.samples import Portion

_PROBES = 16  # traces by whose amplitudes a survey is known again
__all__ = ["NO_TRACE", "Block", "Overrides", "Survey"]


@dataclasses.dataclass(frozen=True)
class Block:
    """Part of a survey.

    Attributes:
        amplitude: float32 [i, x, s], finite; 0 where nothing was recorded.
        recorded: bool [i, x, s]; false of missing traces, and as
            :class:`salt_survey.scan.recorded.Recorded` says.
    """

    amplitude: npt.NDArray[np.float32]
    recorded: npt.NDArray[np.bool_]


class Source(Protocol):
    """Where a survey's samples come from."""

    def read(self, traces: npt.NDArray[np.integer]) -> Portion:
        """Some traces, integers [n], each once."""

    def portions(self) -> Iterator[npt.NDArray[np.int64]]:
        """Numbers of all traces, int64 [n], as many at a time as are quick to read at once."""

    def digest(self) -> str:
        """What changes when the file does."""

    def close(self) -> None:
        """Let go of the file."""


def probes(traces: int) -> list[int]:
    """Which of so many traces a survey is known again by."""
    return [int(at) for at in np.linspace(0, traces - 1, min(traces, _PROBES), dtype=int)]


class Survey:
    """A survey's grid and amplitudes; memory is bounded by the blocks asked for and by some 18
    bytes a trace. One thread at a time.

    Attributes:
        path: of the file.
        scan: what it is, and what was decided about it.
        inlines: int64 [I], ascending; a 2-D line has one.
        crosslines: int64 [X], ascending.
        times_ms: float64 [S], of the samples.
        traces: int32 [I, X], number of the file's trace in each place, :data:`NO_TRACE` where none.
        layout: where traces are in SEG-Y; None of an array.
    """

    def __init__(self, path: Path, found: Found, grid: geometry.Grid, source: Source) -> None:
        self.path, self.scan, self._source = path, found.scan, source
        self._known_silent, self._positions, self._grid = found.silent, found.positions, grid
        self.layout, positions = found.layout, found.positions
        self.decimals = 2 if positions is None else positions.decimals  # of coordinates
        self.inlines, self.crosslines, self.traces = grid.inlines, grid.crosslines, grid.traces
        delay = found.scan.delay_ms
        assert not isinstance(delay, tuple)
        self.times_ms = delay + found.scan.interval_ms * np.arange(found.scan.samples)

    @classmethod
    def open(
        cls,
        path: Path | str,
        scan: Scan | None = None,
        overrides: Overrides | None = None,
        advance: Advance = lambda traces: None,
    ) -> Self:
        """Open SEG-Y, a Zarr or ``.npy``.

        Args:
            path: of the survey.
            scan: how to read it; scanned anew, with all its samples, if None.
            overrides: what the user says of it, whatever scan and headers say.
            advance: is told how many traces' samples a scan has read, a portion at a time.

        Raises:
            SurveyError: it cannot be read, or not without an answer to the scan's questions; or it
                is not the file that ``scan`` is of.
            UsageError: the path is none.
        """
        if not isinstance(path, str | Path):
            raise UsageError(f"the path is {path!r}, expected that of a survey")
        path = Path(path)
        found = scanned(path, overrides, scan, advance)
        problems = found.scan.faults or found.scan.questions
        if problems or found.grid is None:
            raise SurveyError(f"{path}: " + "; ".join(problems or ("no grid of traces",)))
        source: Source = (
            _segy(path, found.scan, found.layout)
            if found.layout is not None
            else arrays.ArraySource(path)
        )
        return cls(path, found, found.grid, source)

    @property
    def is_line(self) -> bool:
        """A 2-D line: one inline."""
        return len(self.inlines) == 1

    @property
    def one_way(self) -> Literal["inline", "crossline"] | None:
        """The only direction that has sections of more than one trace; None if both do."""
        if len(self.inlines) == 1:
            return "inline"
        return "crossline" if len(self.crosslines) == 1 else None

    @functools.cached_property
    def live(self) -> npt.NDArray[np.bool_]:
        """bool [I, X], there is a trace with something recorded; may read all samples once."""
        silent = self._known_silent
        if silent is None:
            silent = self._silent()
        self._known_silent = None  # as this says it, too
        live: npt.NDArray[np.bool_] = self.traces != NO_TRACE
        for row, traces in zip(live, self.traces, strict=True):
            row[row] = ~silent[traces[row]]
        return live

    def _silent(self) -> npt.NDArray[np.bool_]:
        silent = np.zeros(self.scan.traces, bool)
        for numbers in self._source.portions():
            samples, dead = self._source.read(numbers)
            silent[numbers] = ~recorded.recorded(samples, dead, self.scan.fill).there.any(axis=1)
        return silent

    def places(self, traces: slice) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Inline and crossline of consecutive traces, counted from 0; -1 of those that have no
        place; int64 [n] each.
        """
        return self._grid.of(traces)

    def positions(self, inlines: slice) -> npt.NDArray[np.float64]:
        """x and y of some inlines' traces, float64 [i, X, 2]; NaN where there is no trace, or they
        are not known.
        """
        traces = self.traces[inlines]
        found = np.full((*traces.shape, 2), np.nan)
        if self._positions is not None:
            present = traces != NO_TRACE
            found[present] = self._positions.at(traces[present])
        return found

    def forget_positions(self) -> None:
        """They take 8 bytes a trace, and are needed once."""
        self._positions = None

    def read(self, inlines: slice, crosslines: slice) -> Block:
        """Amplitudes and where there are some.

        Args:
            inlines: places in the attribute of that name, not numbers; step 1, as of both.
            crosslines: likewise.

        Raises:
            SurveyError: the file is gone, or was changed meanwhile.
        """
        traces = self.traces[inlines, crosslines]
        amplitude = np.zeros((*traces.shape, self.scan.samples), np.float32)
        known = np.zeros(amplitude.shape, bool)
        present = traces != NO_TRACE
        numbers = traces[present]
        if len(numbers):
            values, dead = self._source.read(numbers)
            there = recorded.recorded(values, dead, self.scan.fill).there
            values[~there] = 0  # in place, as blocks are most of what some runs need
            amplitude[present], known[present] = values, there
        return Block(amplitude, known)

    def amplitudes(self) -> str:
        """Hex text that changes with the amplitudes, of traces here and there, and with nothing
        else: neither headers nor names nor times of files.
        """
        there = np.flatnonzero(self.traces.ravel() != NO_TRACE)
        columns = self.traces.shape[1]
        return self.amplitudes_at(divmod(int(there[at]), columns) for at in probes(len(there)))

    def amplitudes_at(self, places: Iterable[tuple[int, int]]) -> str:
        """The same of traces in these places, counted from 0; of one that is missing it is 0."""
        digest = hashlib.sha256()
        for row, column in places:
            block = self.read(slice(row, row + 1), slice(column, column + 1))
            digest.update(block.amplitude.tobytes())
        return digest.hexdigest()

    def digest(self) -> str:
        """Hex text that changes when the file does, or the way it is read: its size, time of
        change, headers and samples here and there.
        """
        # What was said, measured or learnt from labels is no part of the way.
        nothing: tuple[str, ...] = ()
        way = dataclasses.replace(
            self.scan, calibration=None, notes=nothing, warnings=nothing, verdict="ok",
            kinds={}, percentiles={}, spectrum=(),
        ).to_json()  # fmt: skip
        return hashlib.sha256(f"{self._source.digest()} {way}".encode()).hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()


def _segy(path: Path, scan: Scan, layout: Layout) -> Source:
    order = scan.sample_endian or layout.endian
    return segy_source.SegySource(path, layout, scan.reading, order)


def scanned(
    path: Path,
    overrides: Overrides | None = None,
    known: Scan | None = None,
    advance: Advance = lambda traces: None,
) -> Found:
    """Scan a survey of any kind.

    Args:
        path: SEG-Y, ``.npy``, or a Zarr's folder.
        overrides: what the user says.
        known: an earlier scan of it, which holds.
        advance: is told how many traces' samples were read, a portion at a time.

    Raises:
        SurveyError: it cannot be read at all, or ``known`` is of another.
    """
    overrides = overrides or Overrides()
    found = _found(path, overrides, known, advance)
    if known is None:
        return found
    return dataclasses.replace(
        found, scan=contradictions.compared(path, known, found.scan, overrides)
    )


def _found(path: Path, overrides: Overrides, known: Scan | None, advance: Advance) -> Found:
    if arrays.is_array(path):
        return arrays.scan(path, overrides, known, advance)
    try:
        return segy_scan.scan(path, overrides, known, advance)
    except ForeignError as error:
        raise ForeignError(unsupported.no_survey(path, str(error))) from error

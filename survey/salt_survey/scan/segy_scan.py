"""A SEG-Y file scanned: header by header, what is guessed said, what is wrong told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.system.callbacks import Advance
from salt_survey.errors import SurveyError
from salt_survey.scan import (
    binning,
    coordinate_checks,
    duplicates,
    geometry,
    georeference,
    numbering,
    sample_format,
    times,
)
from salt_survey.scan.coordinates import Positions
from salt_survey.scan.findings import Found, Said, of_samples, tell_missing, tell_of
from salt_survey.scan.numbering import Numbering
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.scan.statistics import Stats, gather
from salt_survey.segy import format_detection, headers, layout, text
from salt_survey.segy.binary import TEXT, FileHeader
from salt_survey.segy.formats import FORMATS, IBM, IEEE, named
from salt_survey.segy.headers import Column
from salt_survey.segy.order import Endian
from salt_survey.segy.raw import RawFile

MOST_TRACES = 1 << 26  # that a file may have: each takes some 30 bytes of memory


def scan(
    path: Path,
    overrides: Overrides | None = None,
    known: Scan | None = None,
    advance: Advance = lambda traces: None,
) -> Found:
    """Scan a SEG-Y file.

    Args:
        path: of it.
        overrides: what the user says.
        known: an earlier scan of it; what it decided holds, and samples are not gone through again.
        advance: is told how many traces' samples were read, a portion at a time.

    Raises:
        SurveyError: it cannot be read at all: it is no SEG-Y, or not the one of ``known``.
    """
    asked, said = overrides or Overrides(), Said()
    with RawFile(path) as file:
        if known is not None:
            _check_known(file, known)
            said.warnings += asked.against(known)
        return _Scanner(file, asked, known, said, advance).found()


def _check_known(file: RawFile, known: Scan) -> None:
    if known.size != file.size:
        raise SurveyError(
            f"{file.path} has {file.size} bytes, the scan is of a file of {known.size}, and holds "
            "for that one alone; scan this one, and where that one was calibrated: salt-survey "
            f"calibrate {file.path} --with OTHER --labels LINE=FILE, or give --zoom and --polarity"
        )


class _Scanner:
    """One pass over a file; the steps in the order in which they need each other."""

    def __init__(
        self, file: RawFile, asked: Overrides, known: Scan | None, said: Said, advance: Advance
    ) -> None:
        of_samples = asked.format is not None or asked.sample_endian is not None
        self.doubted = known is None or of_samples  # what the samples are in is looked at
        self.asked, self.file, self.known, self.said, self.advance = (
            asked,
            file,
            known,
            said,
            advance,
        )
        self.overrides = overrides = asked.over(known) if known else asked
        if overrides.format is not None and overrides.format not in FORMATS:
            raise SurveyError(f"format {overrides.format} was given, expected one of {[*FORMATS]}")
        self.header = FileHeader.read(file, overrides.endian, overrides.format)
        self.layout = layout.find(file, self.header, overrides.format)
        self.said.notes += self.layout.notes
        self.said.warnings += self.layout.warnings
        self.text = text.decode(file.read(0, TEXT).tobytes())
        self.said.warnings += text.not_amplitudes(self.text)
        self.reading = overrides.format or self.layout.format
        self.order: Endian = overrides.sample_endian or self.layout.endian

    def found(self) -> Found:
        self._faults_of_layout()
        if not 0 < self.layout.traces <= MOST_TRACES or not self.layout.samples:
            return Found(self._scan(None, {}, None, None), self.layout)
        self._find_format()
        numbered = numbering.find(
            self.file, self.layout, self.overrides, self.header.sorting, self.text, self.said
        )
        columns = headers.columns(
            self.file, self.layout,
            sorted({headers.SCALAR, headers.DELAY, headers.TIME_SCALAR, headers.INTERVAL,
                    headers.TRACE_KIND, *numbered.bytes()}),
            numbered.widths(),
        )  # fmt: skip
        if numbered.covers(headers.TIME_SCALAR):
            columns[headers.TIME_SCALAR] = np.zeros_like(columns[headers.TIME_SCALAR])
        if np.all(columns[headers.TRACE_KIND] == headers.DEAD):
            self.layout = dataclasses.replace(self.layout, dead_flags=False)
        times.tell_intervals(columns[headers.INTERVAL], self.said)
        numbered, positions = self._positions(numbered, columns)
        if positions is not None and not columns[headers.SCALAR].any():
            self.said.notes.append("the coordinate scalar is 0, which is taken for 1")
        grid = self._grid(numbered, columns, positions)
        stats = self._stats()
        if stats is not None and grid is not None:
            duplicates.tell_unused(grid, stats.silent, self.said)
        result = self._scan(numbered, columns, grid, stats, positions)
        silent = None if stats is None else stats.silent
        return Found(result, self.layout, grid, positions, silent)

    def _positions(
        self, numbered: Numbering, columns: Mapping[int, Column]
    ) -> tuple[Numbering, Positions | None]:
        """Coordinates of all traces, and without their bytes where these can be none."""
        positions = numbered.positions(columns)
        where = f"{numbered.x} and {numbered.y}"
        decided = self.overrides.x_byte is not None
        if (
            positions is None
            or decided
            or coordinate_checks.are_numbers(positions, where, self.said)
        ):
            return numbered, positions
        return dataclasses.replace(numbered, x=None, y=None), None

    def _faults_of_layout(self) -> None:
        for fault in self.layout.faults:
            if self.layout.rest and self.overrides.allow_truncated and self.layout.traces:
                self.said.notes.append(
                    f"the file is cut: its {self.layout.traces} whole traces are used"
                )
            else:
                self.said.faults.append(fault)
        if self.layout.traces > MOST_TRACES:
            self.said.faults.append(
                f"{self.layout.traces} traces, expected no more than {MOST_TRACES}; split the file"
            )

    def _find_format(self) -> None:
        """What the samples are read in, with a fault where that is not known here."""
        if self.doubted and not self.layout.offsets:
            raw = format_detection.probe(self.file, self.layout)
            self.reading, self.order = sample_format.find(
                raw, self.layout, self.overrides, self.said
            )
        elif not self.layout.offsets and FORMATS[self.reading].width != self.layout.width:
            self.said.faults.append(
                f"the scan says samples in {named(self.reading)}, the file has "
                f"{self.layout.width} bytes a sample; scan it anew"
            )
        elif self.known is not None and not self.layout.offsets:
            raw = format_detection.probe(self.file, self.layout)
            sample_format.check_scan(raw, self.layout, self.known, self.order, self.said)
        if not FORMATS[self.reading].readable:
            self.said.faults.append(
                f"format {named(self.reading)} is not read here; convert the file to "
                f"{named(IEEE)} or {named(IBM)}"
            )

    def _grid(
        self,
        numbered: Numbering,
        columns: Mapping[int, Column],
        positions: Positions | None,
    ) -> geometry.Grid | None:
        try:
            grid = binning.grid(numbered, columns, positions, self.layout.traces, self.said)
        except SurveyError as error:
            self.said.faults.append(str(error))
            return None
        if grid is None:
            return None
        if grid.duplicates:
            self._tell_duplicates(grid)
        tell_missing(grid, self.said)
        return grid

    def _tell_duplicates(self, grid: geometry.Grid) -> None:
        byte = headers.OFFSET
        offsets_of = headers.columns(self.file, self.layout, [byte])[byte]
        duplicates.tell(grid, binning.offsets_a_bin(grid, offsets_of), self.said)

    def _stats(self) -> Stats | None:
        kind = FORMATS[self.reading]
        if self.known is not None or self.layout.offsets or not kind.readable:
            return None
        if kind.width != self.layout.width:  # a fault, see sample_format
            return None
        stats = gather(self.file, self.layout, self.reading, self.order, self.advance)
        tell_of(stats, self.layout.traces, self.said)
        if not self.layout.dead_flags and stats.recorded:
            self.said.warn(
                "samples",
                f"all traces are flagged as dead (byte {headers.TRACE_KIND} is {headers.DEAD}), "
                f"and {stats.recorded} hold amplitudes: the flag is taken to mean nothing",
            )
        return stats

    def _times(self, columns: Mapping[int, Column]) -> tuple[float, times.Delay]:
        """Interval and delay as somebody says, else as the headers do."""
        interval, delay = self.overrides.interval_ms, self.overrides.delay_ms
        in_traces = times.first_interval(columns[headers.INTERVAL]) if columns else 0
        to_tell = self.said if interval is None else Said()
        found = (
            times.interval_ms(self.header.interval_us, in_traces, to_tell),
            times.delay_ms(columns, self.said if delay is None else Said()),
        )
        taken = (
            found[0] if interval is None else times.plain(interval),
            found[1] if delay is None else times.plain(delay),
        )
        if self.known is not None:
            # What is asked for now is no contradiction.
            by_scan = (
                taken[0] if self.asked.interval_ms is None else found[0],
                taken[1] if self.asked.delay_ms is None else found[1],
            )
            times.tell_of_scan(by_scan, found, self.said)
        return taken

    def _scan(
        self,
        numbered: Numbering | None,
        columns: Mapping[int, Column],
        grid: geometry.Grid | None,
        stats: Stats | None,
        positions: Positions | None = None,
    ) -> Scan:
        interval, delay = self._times(_of_placed(columns, grid))
        where = self._georeference(grid, positions)
        self._tell_of_size(grid)
        if self.known is not None:
            self.said.repeat(self.known, others=True)
        return Scan(
            kind="segy",
            size=self.file.size,
            revision=".".join(map(str, self.header.revision)),
            endian=self.header.endian,
            sample_endian=None if self.order == self.layout.endian else self.order,
            format=self.layout.format,
            really=None if self.reading == self.layout.format else self.reading,
            samples=self.layout.samples,
            interval_ms=interval,
            delay_ms=delay,
            traces=self.layout.traces,
            extended_text_headers=self.layout.extended,
            extra_trace_headers=self.layout.extra,
            **_bytes_of(numbered),
            **_grid_of(grid, numbered),
            coordinate_scalar=int(columns[headers.SCALAR][0]) if columns else 0,
            corners=where.corners if where else (),
            bin_m=where.bins if where else None,
            allow_truncated=self.overrides.allow_truncated,
            **of_samples(stats, self.known),
            **self.said.fields(),
        )

    def _georeference(
        self,
        grid: geometry.Grid | None,
        positions: Positions | None,
    ) -> georeference.Georeference | None:
        if grid is None or positions is None:
            return None
        first = headers.read(self.file, self.layout, 0, 1)
        units = int(headers.column(first, headers.COORDINATE_UNITS, self.layout)[0])
        return georeference.find(grid, positions, units, self.header.in_feet, self.said)

    def _tell_of_size(self, grid: geometry.Grid | None) -> None:
        if grid is None:
            return
        sides = (self.layout.samples, max(grid.traces.shape))
        tile = max(TILE_SHAPE)
        if min(sides) < tile:
            self.said.notes.append(
                f"sections of {sides[0]} samples and {sides[1]} traces are smaller than a tile of "
                f"{tile}: they are continued by reflection"
            )


def _of_placed(columns: Mapping[int, Column], grid: geometry.Grid | None) -> Mapping[int, Column]:
    if grid is None or not grid.unplaced:
        return columns
    placed = grid.places != geometry.NO_TRACE
    return {byte: values[placed] for byte, values in columns.items()}


def _bytes_of(numbered: Numbering | None) -> dict[str, Any]:
    """Where trace headers say what, in the fields of a :class:`Scan`."""
    if numbered is None:
        return {}
    return {
        "inline_byte": numbered.inline,
        "crossline_byte": numbered.crossline,
        "x_byte": numbered.x,
        "y_byte": numbered.y,
        "cdp_byte": numbered.cdp,
        "line_width": numbered.width,
    }


def _grid_of(grid: geometry.Grid | None, numbered: Numbering | None) -> dict[str, Any]:
    """The lines and their order, in the fields of a :class:`Scan`."""
    lines_from = numbered.lines_from if numbered else "headers"
    if grid is None:
        return {"order": "none", "lines_from": lines_from}
    crosslines = geometry.lines_of(grid.crosslines)
    found: dict[str, Any] = {"lines_from": lines_from, "order": grid.order}
    if grid.order == "line":
        found["cdp"] = crosslines
    elif numbered is not None and (numbered.inline is not None or numbered.decided):
        found |= {"inlines": geometry.lines_of(grid.inlines), "crosslines": crosslines}
    return {**found, "missing": grid.missing, "duplicates": grid.duplicates}

"""What a survey says of itself, and what was guessed: a frozen :class:`Scan`, and JSON of it that
may be edited.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self

Endian = Literal["big", "little"]
Order = Literal["inline", "crossline", "none", "line"]
Verdict = Literal["ok", "warn", "ask", "refuse"]
LinesFrom = Literal["headers", "coordinates", "traces"]
Lines = tuple[int, int, int]  # first, last, step; step 0 where there is one line alone


@dataclasses.dataclass(frozen=True)
class Scan:
    """A survey as its headers describe it, with what was decided about it.

    Attributes:
        kind: ``segy``, ``zarr`` or ``npy``.
        size: bytes of the file; 0 of a Zarr.
        revision: of SEG-Y, such as ``1.0``; empty of others.
        endian: byte order of headers and samples.
        format: the sample format's code as the file gives it; 5 of arrays.
        really: the code that the samples are in where ``format`` is wrong, else None.
        samples: of each trace.
        interval_ms: between samples (of depth: m).
        delay_ms: of the first sample; a pair, least and greatest, where traces differ.
        traces: whole ones in the file.
        extended_text_headers: blocks of 3200 bytes between binary header and first trace.
        extra_trace_headers: blocks of 240 bytes after each trace's header (revision 2).
        inline_byte, crossline_byte, x_byte, y_byte: where in the trace header, counted from 1.
        cdp_byte: of a 2-D line, where its traces' numbers are.
        inlines, crosslines, cdp: (first, last, step) of the numbers there.
        order: how the traces follow each other; ``line`` of a 2-D line.
        lines_from: what numbers the lines: headers, coordinates, or the order of the traces.
        missing: places of the grid without a trace.
        dead: traces that are all zero or not finite, or are flagged as dead.
        duplicates: traces whose place an earlier one has; the first counts.
        bad_samples: NaN, infinite or |a| >= 1e29, the null values among them.
        nulls_1e30: of them, finite ones.
        coordinate_scalar: as the first trace has it.
        corners: inline, crossline, x, y of the grid's four corners; empty without coordinates.
        bin_m: distance between neighbouring inlines and crosslines; None without coordinates.
        percentiles: amplitudes at 0, 1, 2, 5, 25, 50, 75, 95, 98, 99, 100 %, by these numbers.
        spectrum: amplitude at 0 .. half the sampling frequency in equal steps, greatest is 1.
        allow_truncated: the file ends in the middle of a trace, which is left out.
        verdict: ``ok``; ``warn``: see warnings; ``ask``: it cannot be run before the questions are
            answered; ``refuse``: it cannot be run.
        warnings, questions, faults: what to know, decide, mend; a line each.
        calibration: what ``salt-survey calibrate`` found; None before.
    """

    kind: Literal["segy", "zarr", "npy"]
    size: int
    revision: str
    endian: Endian
    format: int
    really: int | None
    samples: int
    interval_ms: float
    delay_ms: float | tuple[float, float]
    traces: int
    extended_text_headers: int
    extra_trace_headers: int
    inline_byte: int | None
    crossline_byte: int | None
    x_byte: int | None
    y_byte: int | None
    cdp_byte: int | None
    inlines: Lines | None
    crosslines: Lines | None
    cdp: Lines | None
    order: Order
    lines_from: LinesFrom
    missing: int
    dead: int
    duplicates: int
    bad_samples: int
    nulls_1e30: int
    coordinate_scalar: int
    corners: tuple[tuple[int, int, float, float], ...]
    bin_m: tuple[float, float] | None
    percentiles: Mapping[str, float]
    spectrum: tuple[float, ...]
    allow_truncated: bool
    verdict: Verdict
    warnings: tuple[str, ...]
    questions: tuple[str, ...]
    faults: tuple[str, ...]
    calibration: Mapping[str, Any] | None = None

    @property
    def is_line(self) -> bool:
        """A 2-D line: one inline, its traces as crosslines."""
        return self.order == "line"

    def to_json(self) -> str:
        """JSON that may be edited and given to ``--scan``."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse what :meth:`to_json` gave.

        Raises:
            SurveyError: not JSON, or a field is missing, unknown or of another kind.
        """
        raise NotImplementedError

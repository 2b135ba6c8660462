"""What a survey says of itself, and what was guessed: a frozen :class:`Scan`, and JSON of it that
may be edited.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from salt_survey.errors import SurveyError
from salt_survey.scan.finding_kinds import KINDS, Kind, kinds_of_before
from salt_survey.scan.json_fields import (
    Field,
    between,
    check_names,
    listed,
    mapping,
    number,
    one_of,
    optional,
    text,
    whole,
)
from salt_survey.segy.layout import HEADER
from salt_survey.segy.order import Endian

Order = Literal["inline", "crossline", "none", "line"]
Verdict = Literal["ok", "warn", "ask", "refuse"]
LinesFrom = Literal["headers", "coordinates", "traces"]
Lines = tuple[int, int, int]  # first, last, step; step 1 where there is one line alone

VERSION = 1
MOST_MS = 1e9  # a time beyond which nothing can be meant
_VERSION, _KINDS = "salt_survey_scan", "kinds"
_LARGEST = 16 << 20  # bytes of a scan's JSON


@dataclasses.dataclass(frozen=True)
class Scan:
    """A survey as its headers describe it, with what was decided about it.

    Attributes:
        kind: ``segy``, ``zarr`` or ``npy``.
        size: bytes of the file; 0 of a Zarr.
        revision: of SEG-Y, such as ``1.0``; empty of others.
        endian: byte order of the file's header.
        sample_endian: of the samples, where it is not that of the traces' headers, else None.
        format: the sample format's code as the file gives it; 5 of arrays.
        really: the code that the samples are in where ``format`` is wrong, else None.
        samples: of each trace.
        interval_ms: between samples (of depth: m).
        delay_ms: of the first sample; a pair, least and greatest, where traces differ.
        traces: whole ones in the file.
        extended_text_headers: blocks of 3200 bytes between binary header and first trace.
        extra_trace_headers: blocks of 240 bytes after each trace's header (revision 2).
        inline_byte, crossline_byte, x_byte, y_byte: where in the trace header, counted from 1.
        line_width: bytes of a line number, 4 or 2.
        cdp_byte: of a 2-D line, where its traces' numbers are.
        inlines, crosslines, cdp: (first, last, step) of the numbers there.
        order: how the traces follow each other; ``line`` of a 2-D line.
        lines_from: what numbers the lines: headers, coordinates, or the order of the traces.
        missing: places of the grid without a trace.
        dead: traces whose samples are all 0, or that are flagged as dead.
        duplicates: traces whose place an earlier one has; the first counts.
        bad_samples: NaN or infinite.
        nulls_1e30: 1e29 or more, though finite, or -999.25, which stand for nothing recorded.
        coordinate_scalar: as the first trace has it.
        corners: inline, crossline, x, y of the grid's four corners; empty without coordinates.
        bin_m: distance for one inline number more, and one crossline number; None if not known.
        fill: the value of long runs at the ends of traces, where nothing was recorded; 0 if none.
        percentiles: amplitudes at 0, 1, 2, 5, 25, 50, 75, 95, 98, 99, 100 %, by these numbers.
        spectrum: amplitude at 0 .. half the sampling frequency in equal steps, greatest is 1.
        allow_truncated: the file ends in the middle of a trace, which is left out.
        verdict: ``ok``; ``warn``: see warnings; ``ask``: it cannot be run before the questions are
            answered; ``refuse``: it cannot be run.
        notes, warnings, questions, faults: what there is to know, what was decided against the
            headers, what to answer, what to mend; a line each.
        kinds: of those lines that have one, by line.
        calibration: what ``salt-survey calibrate`` found; None before.
    """

    kind: Literal["segy", "zarr", "npy"]
    size: int
    samples: int
    interval_ms: float
    delay_ms: float | tuple[float, float]
    traces: int
    revision: str = ""
    endian: Endian = "little"
    sample_endian: Endian | None = None
    format: int = 5
    really: int | None = None
    extended_text_headers: int = 0
    extra_trace_headers: int = 0
    inline_byte: int | None = None
    crossline_byte: int | None = None
    x_byte: int | None = None
    y_byte: int | None = None
    cdp_byte: int | None = None
    line_width: int = 4
    inlines: Lines | None = None
    crosslines: Lines | None = None
    cdp: Lines | None = None
    order: Order = "none"
    lines_from: LinesFrom = "headers"
    missing: int = 0
    dead: int = 0
    duplicates: int = 0
    bad_samples: int = 0
    nulls_1e30: int = 0
    fill: float = 0
    coordinate_scalar: int = 0
    corners: tuple[tuple[int, int, float, float], ...] = ()
    bin_m: tuple[float, float] | None = None
    percentiles: Mapping[str, float] = dataclasses.field(default_factory=dict)
    spectrum: tuple[float, ...] = ()
    allow_truncated: bool = False
    verdict: Verdict = "ok"
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = dataclasses.field(default_factory=dict)
    calibration: Mapping[str, Any] | None = None

    @property
    def is_line(self) -> bool:
        """A 2-D line: one inline, its traces as crosslines."""
        return self.order == "line"

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        values: dict[str, Any] = json.loads(self.to_json())
        return values

    @property
    def reading(self) -> int:
        """Code of the format that the samples are read in."""
        return self.really or self.format

    def of_kind(self, kind: Kind) -> list[str]:
        """The warnings and faults of a kind."""
        return [line for line in (*self.warnings, *self.faults) if self.kinds.get(line) == kind]

    def to_json(self) -> str:
        """JSON that may be edited and given to ``--scan``. It has kinds only where there are some,
        so that all else is as it was before there were any, and so is what is made of it.
        """
        values = {_VERSION: VERSION} | dataclasses.asdict(self)
        if not self.kinds:
            del values[_KINDS]
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, source: str) -> Self:
        """Parse what :meth:`to_json` gave.

        Raises:
            SurveyError: not JSON, or a field is missing, unknown or of another kind.
        """
        try:
            values = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise SurveyError(f"the scan is not JSON ({error})") from error
        if not isinstance(values, dict) or values.pop(_VERSION, None) != VERSION:
            raise SurveyError(
                f"this is no scan: it has no {_VERSION} {VERSION}; write one with salt-survey scan "
                "--out, or calibrate"
            )
        try:
            check_names("the scan", {_KINDS: {}} | values, _FIELDS)
        except SurveyError as error:
            raise SurveyError(
                f"{error}; mend that, or write it anew: salt-survey scan --out"
            ) from error
        scan = cls(**{name: _FIELDS[name](name, values[name]) for name in values})
        check_inside(scan.line_width, scan.inline_byte, scan.crossline_byte)
        if _KINDS in values:
            return scan
        return dataclasses.replace(scan, kinds=kinds_of_before(scan.warnings, scan.faults))


def load(path: Path) -> Scan:
    """Read a scan's JSON file.

    Raises:
        SurveyError: it cannot be read, or is no scan.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise SurveyError(f"{path} cannot be read ({error.strerror or error})") from error
    if len(data) > _LARGEST:
        raise SurveyError(f"{path} has more than {_LARGEST} bytes and is no scan")
    try:
        return Scan.from_json(data.decode())
    except UnicodeDecodeError as error:
        raise SurveyError(f"{path}: the scan is not UTF-8 text ({error.reason})") from error
    except SurveyError as error:
        raise SurveyError(f"{path}: {error}") from error


def check_inside(width: int, *bytes_: int | None) -> None:
    """Line numbers end within the trace header, or SurveyError is raised."""
    last = HEADER + 1 - width
    for byte in bytes_:
        if byte is not None and byte > last:
            raise SurveyError(
                f"line numbers of {width} bytes at byte {byte} of a trace header of {HEADER}, "
                f"expected {last} at most; two bytes have --line-width 2"
            )


_BYTE = optional(whole(1, 237))
_LINE_BYTE = optional(whole(1, 239))
_LINES = optional(listed(whole(), 3))
_INTERVAL, _TIME = between(0, MOST_MS), between(-MOST_MS, MOST_MS)

_FIELDS: Mapping[str, Field] = {
    "kind": one_of("segy", "zarr", "npy"),
    "size": whole(0),
    "revision": text,
    "endian": one_of("big", "little"),
    "sample_endian": optional(one_of("big", "little")),
    "format": whole(),
    "really": optional(whole(1, 16)),
    "samples": whole(0),
    "interval_ms": _INTERVAL,
    "delay_ms": lambda name, value: (
        listed(_TIME, 2)(name, value) if isinstance(value, list) else _TIME(name, value)
    ),
    "traces": whole(0),
    "extended_text_headers": whole(0),
    "extra_trace_headers": whole(0),
    "inline_byte": _LINE_BYTE,
    "crossline_byte": _LINE_BYTE,
    "x_byte": _BYTE,
    "y_byte": _BYTE,
    "cdp_byte": _BYTE,
    "line_width": one_of(4, 2),
    "inlines": _LINES,
    "crosslines": _LINES,
    "cdp": _LINES,
    "order": one_of("inline", "crossline", "none", "line"),
    "lines_from": one_of("headers", "coordinates", "traces"),
    "missing": whole(0),
    "dead": whole(0),
    "duplicates": whole(0),
    "bad_samples": whole(0),
    "nulls_1e30": whole(0),
    "fill": number,
    "coordinate_scalar": whole(),
    "corners": listed(listed(number, 4)),
    "bin_m": optional(listed(number, 2)),
    "percentiles": mapping(number),
    "spectrum": listed(number),
    "allow_truncated": lambda name, value: bool(one_of(True, False)(name, value)),
    "verdict": one_of("ok", "warn", "ask", "refuse"),
    "notes": listed(text),
    "warnings": listed(text),
    "questions": listed(text),
    "faults": listed(text),
    _KINDS: mapping(one_of(*KINDS)),
    "calibration": optional(mapping(lambda name, value: value)),
}

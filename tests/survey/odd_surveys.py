"""SEG-Y files that are odd in one way each, and what a scan has to find; the table in
docs/odd-surveys.md is made of them.

``python -m tests.survey.odd_surveys > docs/odd-surveys.md`` writes it.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_survey.segy.create import Kind, Traces, encode, put, write
from salt_survey.segy.formats import FORMATS

INLINES, CROSSLINES, SAMPLES = 12, 10, 40
TRACES = INLINES * CROSSLINES
FIRST = (111, 875)
SOUND: dict[str, Any] = {
    "endian": "big", "format": 3, "really": None, "samples": SAMPLES, "interval_ms": 4,
    "delay_ms": 500, "traces": TRACES, "inline_byte": 189, "crossline_byte": 193,
    "inlines": [111, 122, 1], "crosslines": [875, 884, 1], "cdp": None, "order": "inline",
    "missing": 0, "dead": 0, "duplicates": 0, "bad_samples": 0, "nulls_1e30": 0, "fill": 0,
    "line_width": 4, "sample_endian": None,
    "coordinate_scalar": -10, "extended_text_headers": 0, "verdict": "ok",
}  # fmt: skip


def amplitudes() -> npt.NDArray[np.float32]:
    """Smooth integers [TRACES, SAMPLES], as 16 bits hold them; none is 0."""
    rng = np.random.default_rng(7)
    white = rng.standard_normal((TRACES, SAMPLES + 8))
    smooth = sum(white[:, at : at + SAMPLES] for at in range(8))
    values = np.round(1500 * np.asarray(smooth)).astype(np.float32)
    return np.where(values == 0, 1, values)


@dataclasses.dataclass
class File:
    """A file in parts, to be bent."""

    head: bytearray
    headers: npt.NDArray[np.uint8]  # [n, 240]
    samples: npt.NDArray[np.uint8]  # [n, bytes]
    kind: Kind
    tail: bytes = b""
    cut: int = 0

    def bytes(self) -> bytes:
        traces = np.concatenate([self.headers, self.samples], axis=1).tobytes()
        whole = bytes(self.head) + traces + self.tail
        return whole[: len(whole) - self.cut]

    def set(self, byte: int, values: npt.ArrayLike) -> None:
        put(self.headers, byte, values, self.kind.endian)

    def binary(self, byte: int, number: int) -> None:
        order = ">i2" if self.kind.endian == "big" else "<i2"
        self.head[byte - 1 : byte + 1] = np.array([number]).astype(order).tobytes()

    def take(self, rows: npt.ArrayLike) -> None:
        self.headers, self.samples = self.headers[rows], self.samples[rows]


def sound(**kind: Any) -> File:
    """A file with nothing odd about it."""
    made = Kind(**({"samples": SAMPLES, "delay_ms": 500, "format": 3} | kind))
    rows, columns = np.divmod(np.arange(TRACES), CROSSLINES)
    x = 600_000 + 24.5 * columns - 5.0 * rows  # turned, bins of 25 m
    y = 6_070_000 + 5.0 * columns + 24.5 * rows
    values = amplitudes()
    scale = {1: 127 / 20000}.get(FORMATS[made.format].width, 1.0)
    if FORMATS[made.format].kind.startswith("u"):  # no sign: the middle is half of what there is
        values = values + (20000 if scale == 1 else 128 / scale)
    target = io.BytesIO()
    write(target, made, [Traces(FIRST[0] + rows, FIRST[1] + columns, x, y, values * scale)])
    data = target.getvalue()
    block = np.frombuffer(data, np.uint8, offset=3600).reshape(TRACES, -1)
    return File(bytearray(data[:3600]), block[:, :240].copy(), block[:, 240:].copy(), made)


@dataclasses.dataclass(frozen=True)
class Case:
    """An odd file.

    Attributes:
        about: what is odd.
        bend: makes it; from a sound file, or a file of its own.
        expected: what the scan says other than SOUND; None where it is no SEG-Y at all.
        says: words of the message where there is one.
        same: the volume that is read is the sound file's.
        kind: of the file.
    """

    about: str
    bend: Callable[[File], bytes | None] = lambda file: None
    expected: dict[str, Any] | None = dataclasses.field(default_factory=dict)
    says: str = ""
    same: bool = True
    kind: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def verdict(self) -> str:
        if self.expected is None:
            return "refuse"
        return str((SOUND | self.expected)["verdict"])

    def bytes(self) -> bytes:
        file = sound(**self.kind)
        return self.bend(file) or file.bytes()


def _bytes_at(inline: int, crossline: int, **more: Any) -> Case:
    return Case(
        f"line numbers at bytes {inline} and {crossline}",
        expected={"inline_byte": inline, "crossline_byte": crossline} | more,
        kind={"inline_byte": inline, "crossline_byte": crossline},
    )


def _crossline_sorted(file: File) -> None:
    file.take(np.arange(TRACES).reshape(INLINES, CROSSLINES).T.ravel())


def _down(file: File) -> None:
    file.take(np.arange(TRACES).reshape(INLINES, CROSSLINES)[::-1].ravel())


def _to_and_fro(file: File) -> None:
    order = np.arange(TRACES).reshape(INLINES, CROSSLINES).copy()
    order[1::2] = order[1::2, ::-1]
    file.take(order.ravel())


def _shuffle(file: File) -> None:
    file.take(np.random.default_rng(3).permutation(TRACES))


def _steps(file: File) -> None:
    rows, columns = np.divmod(np.arange(TRACES), CROSSLINES)
    file.set(189, 100 + 2 * rows)
    file.set(193, 300 + 3 * columns)


def _negative(file: File) -> None:
    rows, columns = np.divmod(np.arange(TRACES), CROSSLINES)
    file.set(189, rows - 30)
    file.set(193, columns - 5)


def _holes(file: File) -> None:
    keep = np.ones((INLINES, CROSSLINES), bool)
    keep[:3, :2] = keep[5, 5] = keep[8, 1:4] = False
    file.take(np.flatnonzero(keep.ravel()))


def _duplicates(file: File) -> None:
    rows = np.r_[np.arange(60), 30, np.arange(60, TRACES), 7]
    file.take(rows)
    file.samples[-1] = 1  # other samples under the same number


def _dead_before(file: File) -> None:
    """Two traces of which an earlier one, of zeros, has the place."""
    file.take(np.r_[np.arange(60), 30, 31, np.arange(60, TRACES)])
    file.samples[30:32] = 0


def _spike(file: File) -> None:
    file.samples.view(">f4")[3, 5] = 1e9


def _null_value(file: File) -> None:
    values = file.samples.view(">f4")
    values[:] /= 1000
    values[::3, 7:9] = -9999


def _dead(file: File) -> None:
    file.samples[40:45] = 0
    file.headers[42:45, 29] = 2
    file.headers[70, 29] = 2  # flagged alone


def _flagged_zero(file: File) -> None:
    file.set(29, 2)
    file.samples[:] = 0


def _not_finite(file: File) -> None:
    values = file.samples.view(">f4")
    values[3, 5], values[4, 6], values[9, 2] = np.nan, np.inf, -np.inf
    values[20] = np.nan
    values[30, :4] = 1e30


def _cut(file: File) -> None:
    file.cut = 100


def _delays(file: File) -> None:
    file.set(109, np.where(np.arange(TRACES) < 60, 500, 604))


def _delay_scaled(file: File) -> None:
    file.set(109, 5000)
    file.set(215, -10)


def _no_interval(file: File) -> None:
    file.binary(3217, 0)
    file.set(117, 0)


def _interval_in_traces(file: File) -> None:
    file.binary(3217, 0)


def _interval_after_a_blank(file: File) -> None:
    file.binary(3217, 0)
    file.headers[0, 116:118] = 0


def _dead_without_times(file: File) -> None:
    file.headers[9::11, 28:30] = 0, 2
    file.headers[9::11, 108:110] = 0
    file.samples[9::11] = 0


def _no_time_scalar(file: File) -> None:
    file.set(215, 12_345)


def _line(file: File) -> None:
    file.take(np.arange(CROSSLINES))
    file.set(189, 0)
    file.set(193, 0)
    file.set(21, 1001 + np.arange(CROSSLINES))


def _one_inline(file: File) -> None:
    file.take(np.arange(CROSSLINES))


def _coordinates_only(file: File) -> None:
    file.set(189, 0)
    file.set(193, 0)


def _one_record(file: File) -> None:
    """One field record, CDP numbers that run on from line to line, and coordinates of a grid."""
    _coordinates_only(file)
    file.set(9, 1)
    file.set(21, 1 + np.arange(TRACES))


def _nothing(file: File) -> None:
    for byte in (1, 5, 181, 185, 189, 193):
        file.set(byte, 0)


def _scalar(number: int) -> Callable[[File], None]:
    return lambda file: file.set(71, number)


def _extended(file: File) -> None:
    file.binary(3505, 2)
    file.head += b"\x40" * 6400


def _extended_open(file: File) -> None:
    file.binary(3505, -1)
    file.head += b"\x40" * 3200 + "((SEG: EndText))".encode("cp037").ljust(3200, b"\x40")


def _lying(byte: int, number: int) -> Callable[[File], None]:
    return lambda file: file.binary(byte, number)


def _lengths(file: File) -> bytes:
    parts = [bytes(file.head)]
    for row, (header, samples) in enumerate(zip(file.headers, file.samples, strict=True)):
        count = SAMPLES - 5 * (row % 3)
        header[114:116] = np.array([count]).astype(">u2").view(np.uint8)
        parts += [header.tobytes(), samples[: 2 * count].tobytes()]
    return b"".join(parts)


def _zero(file: File) -> None:
    file.samples[:] = 0


def _offsets(file: File) -> None:
    file.take(np.repeat(np.arange(TRACES), 3))
    file.set(37, np.tile([100, 200, 300], TRACES))


def _revision_2(file: File) -> None:
    file.head[3500] = 2
    file.binary(3507, 1)
    file.binary(3221, 0)
    file.head[3268:3272] = np.array([SAMPLES]).astype(">u4").tobytes()
    file.headers = np.concatenate([file.headers, np.zeros_like(file.headers)], axis=1)


def _claims(file: File) -> None:
    file.head[3500] = 2
    file.head[3268:3272] = b"\xff" * 4


def _headers_alone(file: File) -> bytes:
    return bytes(file.head)


def _random(file: File) -> bytes:
    return np.random.default_rng(1).integers(0, 256, 6000, np.uint8).tobytes()


def _halves(inline: int, crossline: int) -> Callable[[File], None]:
    """Line numbers of two bytes, and none of four."""

    def bend(file: File) -> None:
        rows, columns = np.divmod(np.arange(TRACES), CROSSLINES)
        file.set(189, 0)
        file.set(193, 0)
        for byte, numbers in ((inline, FIRST[0] + rows), (crossline, FIRST[1] + columns)):
            words = numbers.astype(">i2" if file.kind.endian == "big" else "<i2")
            file.headers[:, byte - 1 : byte + 1] = words[:, None].view(np.uint8)

    return bend


def _about_the_middle(file: File) -> None:
    """Amplitudes of a few steps about the middle of a range without a sign."""
    width = FORMATS[file.kind.format].width
    values = np.round(amplitudes() / 2000).astype(np.int64) + 2 ** (8 * width - 1)
    file.samples = np.ascontiguousarray(values.astype(f">u{width}")).view(np.uint8)


def _other_way(file: File) -> None:
    """Samples in the byte order that the headers are not in."""
    width = FORMATS[file.kind.format].width
    words = file.samples.reshape(len(file.samples), -1, width)
    file.samples = words[:, :, ::-1].reshape(file.samples.shape).copy()


def _integers(divisor: int, factor: int, turned: bool = False) -> Callable[[File], None]:
    """Whole parts of the amplitudes, times a number; turned, in the other byte order."""

    def bend(file: File) -> None:
        file.samples = encode(np.round(amplitudes() / divisor) * np.float32(factor),
                              file.kind.format, file.kind.endian)  # fmt: skip
        if turned:
            _other_way(file)

    return bend


ROWS, COLUMNS = np.divmod(np.arange(TRACES), CROSSLINES)


def _no_samples(file: File) -> None:
    file.binary(3221, 0)


def _unsigned_interval(file: File) -> None:
    file.binary(3217, 40_000 - (1 << 16))
    file.set(117, 40_000 - (1 << 16))


def _long_traces(file: File) -> None:
    """More samples than 15 bits hold."""
    file.samples = np.tile(file.samples, (1, 1000))
    file.binary(3221, 40_000 - (1 << 16))
    file.set(115, 40_000 - (1 << 16))


def _angles(units: int, scalar: int, x: int, y: int) -> Callable[[File], None]:
    """Coordinates in other units than lengths."""

    def bend(file: File) -> None:
        file.set(89, units)
        file.set(71, -scalar)
        file.set(181, x + 80 * COLUMNS - 16 * ROWS)
        file.set(185, y + 16 * COLUMNS + 80 * ROWS)

    return bend


def _float_coordinates(scalar: int) -> Callable[[File], None]:
    def bend(file: File) -> None:
        file.set(71, scalar)
        for byte, values in ((181, 600_000 + 25 * COLUMNS), (185, 6_000_000 + 25 * ROWS)):
            file.set(byte, values.astype(np.float32).view(np.int32))

    return bend


def _thousandths(file: File) -> None:
    """On earth, and words that would make floats of the size of coordinates."""
    file.set(71, -1000)
    file.set(181, 1_150_000_000 + 25_000 * COLUMNS)
    file.set(185, 1_200_000_000 + 25_000 * ROWS)


def _no_scalar(file: File) -> None:
    """In centimetres, and no word of it."""
    file.set(71, 0)
    file.set(181, 100 * (600_000 + 25 * COLUMNS))
    file.set(185, 100 * (6_000_000 + 25 * ROWS))


def _mixed_scalars(file: File) -> None:
    scalars = np.where(ROWS % 2, 10, 100)
    file.set(71, -scalars)
    file.set(181, (600_000 + 25 * COLUMNS) * scalars)
    file.set(185, (6_000_000 + 25 * ROWS) * scalars)


def _exchanged(file: File) -> None:
    file.headers[:3, 180:188] = np.roll(file.headers[:3, 180:188], 4, axis=1)


def _lines_as_coordinates(source: bool) -> Callable[[File], None]:
    """Line numbers where the coordinates of the midpoint go."""

    def bend(file: File) -> None:
        for byte, values in ((189, 0), (193, 0), (71, 1), (181, FIRST[0] + ROWS),
                             (185, FIRST[1] + COLUMNS)):  # fmt: skip
            file.set(byte, values)
        if source:
            file.set(73, 600_000 + 25 * COLUMNS)
            file.set(77, 6_000_000 + 25 * ROWS)

    return bend


def _gathers(file: File) -> None:
    """Six traces a place, of which nothing tells one from another."""
    file.take(np.repeat(np.arange(20), 6))


def _shotpoints(file: File) -> None:
    """A line with one inline number, a CDP each trace, and a shotpoint every second."""
    for byte, values in ((189, 1), (193, 0), (21, 1001 + np.arange(TRACES)),
                         (17, 100 + np.arange(TRACES) // 2), (185, 60_000_000),
                         (181, 6_000_000 + 250 * np.arange(TRACES))):  # fmt: skip
        file.set(byte, values)


def _shots(inline: int, crossline: int, each: int, cdp: bool = True) -> Callable[[File], None]:
    """A stacked line of shotpoints and so many traces each, which would make a grid."""

    def bend(file: File) -> None:
        _coordinates_only(file)
        for byte, values in ((inline, 100 + np.arange(TRACES) // each),
                             (crossline, 1 + np.arange(TRACES) % each),
                             (21, 1001 + np.arange(TRACES) if cdp else 0),
                             (185, 60_000_000 + 10 * np.arange(TRACES)),
                             (181, 6_000_000 + 250 * np.arange(TRACES))):  # fmt: skip
            file.set(byte, values)
        file.binary(29, 4)

    return bend


def _rough(file: File) -> None:
    """CDP numbers that run on from line to line, and coordinates of lines, off by some metres."""
    _one_record(file)
    rng = np.random.default_rng(0)
    for byte in (181, 185):
        values = file.headers[:, byte - 1 : byte + 3].copy().view(">i4")[:, 0]
        file.set(byte, values + rng.normal(0, 70, TRACES).astype(np.int32))


def _sheared(file: File) -> None:
    """Crosslines that are counted from the beginning of each line, of which each begins later."""
    rows, columns = np.divmod(np.arange(TRACES), CROSSLINES)
    x = 600_000 + 24.5 * (columns + rows) - 5.0 * rows
    y = 6_070_000 + 5.0 * (columns + rows) + 24.5 * rows
    file.set(181, np.rint(100 * x).astype(np.int64))
    file.set(185, np.rint(100 * y).astype(np.int64))


def _text(text: bytes) -> Callable[[File], None]:
    def bend(file: File) -> None:
        file.head[:3200] = text.ljust(3200, text[-1:])

    return bend


def _tail(tail: bytes) -> Callable[[File], None]:
    def bend(file: File) -> None:
        file.tail = tail

    return bend


_RUNNING = (44, 25)  # lines of a file that is large enough for numbers above 65535


def _running(x: npt.ArrayLike, y: npt.ArrayLike) -> Callable[[File], None]:
    """CDP numbers of four bytes, each trace its own: 128, 256 .. 140800. Read as two of two bytes
    they make a grid of 3 x 512.
    """

    def bend(file: File) -> None:
        numbers = 1 + np.arange(_RUNNING[0] * _RUNNING[1])
        file.take(np.resize(np.arange(TRACES), len(numbers)))
        for byte, values in ((1, numbers), (5, numbers), (21, 128 * numbers), (189, 0), (193, 0),
                             (181, x), (185, y)):  # fmt: skip
            file.set(byte, values)

    return bend


def _running_grid() -> Callable[[File], None]:
    rows, columns = np.divmod(np.arange(_RUNNING[0] * _RUNNING[1]), _RUNNING[1])
    return _running(6_000_000 + 245 * columns - 50 * rows, 60_700_000 + 50 * columns + 245 * rows)


def _running_line() -> Callable[[File], None]:
    along = np.arange(_RUNNING[0] * _RUNNING[1])
    return _running(6_000_000 + 125 * along, 60_700_000 + 10 * along)


def _stale_first(start: int, cut: int = 0) -> Callable[[File], None]:
    """Says that the traces begin later than they do."""

    def bend(file: File) -> None:
        file.head[3500] = 2
        file.head[3520:3528] = start.to_bytes(8)
        file.cut = cut

    return bend


def _traces_other_way(file: File) -> None:
    """All of the traces in the byte order that the file's header is not in."""
    other = sound(format=file.kind.format, endian="little")
    file.headers, file.samples = other.headers, other.samples


def _untold_text(file: File) -> None:
    file.head += b"\x40" * 3200


def _first_trace(file: File) -> None:
    file.head[3500] = 2
    file.head[3512:3520] = TRACES.to_bytes(8)
    file.head += bytes(1000)
    file.head[3520:3528] = len(file.head).to_bytes(8)


def _fewer_traces(file: File) -> None:
    file.head[3500] = 2
    file.head[3512:3520] = (TRACES + 1).to_bytes(8)


def _open_trailer(counted: bool) -> Callable[[File], None]:
    """Texts after the traces, of which the header says that there are some."""

    def bend(file: File) -> None:
        file.head[3500] = 2
        file.head[3528:3532] = (-1).to_bytes(4, signed=True)
        if counted:
            file.head[3512:3520] = TRACES.to_bytes(8)
        what = "" if counted else "((SEG:Remarks)) "
        file.tail = f"{what}made by hand".ljust(6400).encode("cp037")

    return bend


def _blank(file: File) -> None:
    """Traces of zeros at the end, their headers too, as programs pad files."""
    blank = np.zeros((3, 240), np.uint8)
    file.headers = np.concatenate([file.headers, blank])
    file.samples = np.concatenate([file.samples, np.zeros_like(file.samples[:3])])


def _stray(byte: int, *numbers: int) -> Callable[[File], None]:
    """Line numbers of the first traces but one that are none of the survey's."""

    def bend(file: File) -> None:
        put(file.headers[1 : 1 + len(numbers)], byte, numbers, file.kind.endian)

    return bend


def _flat(file: File) -> None:
    file.samples.view(">f4")[50:60] = -999.25


def _padding_within(file: File) -> None:
    file.samples.view(">f4")[50:60, 20] = -999.25


def _filled_up(value: float, code: str) -> Callable[[File], None]:
    """One value at the beginning of all traces, and at the end of some."""

    def bend(file: File) -> None:
        samples = file.samples.view(code)
        samples[:, :16] = samples[50:60, -16:] = value

    return bend


def _several_intervals(file: File) -> None:
    file.set(117, np.where(np.arange(TRACES) < 60, 4000, 2000))


def _twice(file: File) -> None:
    file.take(np.tile(np.arange(TRACES), 2))


def _wild(file: File) -> None:
    lines = FIRST[0] + np.arange(TRACES) // CROSSLINES
    lines[50] = 2_000_000_000
    file.set(189, lines)
    lines = FIRST[1] + np.arange(TRACES) % CROSSLINES
    lines[50] = -2_000_000_000
    file.set(193, lines)


_FORMAT = "the samples are in"
_NO_LINES: dict[str, Any] = {
    "traces": _RUNNING[0] * _RUNNING[1], "inline_byte": None, "crossline_byte": None,
    "inlines": None, "crosslines": None,
}  # fmt: skip
# Format, and what the amplitudes are divided by and multiplied with.
_JUSTIFIED = ((3, 160, 256), (3, 320, 512), (2, 1, 1 << 8), (2, 1, 1 << 16), (2, 160, 1 << 24))
_SMALL = ((3, 100, 1), (2, 1, 1), (2, 1, 1000), (2, 1, 50_000))
ALL = [
    Case("nothing"),
    _bytes_at(9, 21),
    _bytes_at(17, 13),
    _bytes_at(221, 225),
    _bytes_at(233, 237),
    _bytes_at(5, 21),
    _bytes_at(181 + 16, 181 + 20),
    _bytes_at(193, 189, inline_byte=189, crossline_byte=193, inlines=[875, 884, 1],
              crosslines=[111, 122, 1], order="crossline"),
    *(Case(f"line numbers of two bytes at {inline} and {crossline}, {endian} endian",
           _halves(inline, crossline),
           {"inline_byte": inline, "crossline_byte": crossline, "line_width": 2, "endian": endian,
            "verdict": "warn"}, "of two bytes each", kind={"endian": endian})
      for inline, crossline in ((189, 191), (197, 199), (233, 235), (237, 239))
      for endian in ("big", "little")),
    *(Case(f"no line numbers, running CDP numbers above 65535, coordinates on a grid, {endian} "
           "endian", _running_grid(),
           _NO_LINES | {"endian": endian, "verdict": "ask"}, "a grid of 44 x 25", same=False,
           kind={"endian": endian})
      for endian in ("big", "little")),
    *(Case(f"a 2-D line, running CDP numbers above 65535, {where}", bend,
           _NO_LINES | {"order": "line", "cdp": [128, 140800, 128]}, same=False)
      for where, bend in (("coordinates along it", _running_line()),
                          ("no coordinates", _running(0, 0)))),
    Case("sorted by crossline", _crossline_sorted, {"order": "crossline"}),
    Case("inlines descending", _down),
    Case("lines to and fro", _to_and_fro),
    Case("traces in no order", _shuffle, {"order": "none"}),
    Case("inline step 2, crossline step 3", _steps,
         {"inlines": [100, 122, 2], "crosslines": [300, 327, 3]}),
    Case("negative line numbers", _negative, {"inlines": [-30, -19, 1], "crosslines": [-5, 4, 1]}),
    Case("a missing corner and holes", _holes,
         {"traces": TRACES - 10, "missing": 10}, same=False),
    Case("duplicate traces", _duplicates, {"traces": TRACES + 2, "duplicates": 2}),
    Case("duplicate traces, the first without samples", _dead_before,
         {"traces": TRACES + 2, "duplicates": 2, "dead": 2, "verdict": "warn"},
         "2 traces, such as trace 61, have samples and are not used", same=False),
    Case("a spike", _spike, {"format": 5, "verdict": "warn"}, "--stretch 0.5%", same=False,
         kind={"format": 5}),
    Case("-9999 here and there among amplitudes below 20", _null_value,
         {"format": 5, "verdict": "warn"}, "exactly -9999", same=False, kind={"format": 5}),
    Case("dead traces, some flagged", _dead, {"dead": 6},
         "1 are flagged so and hold amplitudes", same=False),
    Case("all traces flagged as dead", lambda file: file.set(29, 2), {"verdict": "warn"},
         "taken to mean nothing"),
    Case("all traces flagged as dead, and all zeros", _flagged_zero,
         {"dead": TRACES, "verdict": "refuse"}, "nothing recorded"),
    Case("all traces twice", _twice, {"traces": 2 * TRACES, "duplicates": TRACES,
         "verdict": "warn"}, "the first counts"),
    Case("blank traces at the end", _blank, {"traces": TRACES + 3, "dead": 3, "verdict": "warn"},
         "no line numbers"),
    *(Case(f"a trace with the inline {number}", _stray(189, number),
           {"missing": 1, "verdict": "warn"}, f"{number} and 876 of trace 2", same=False)
      for number in (2_000_000_000, 50_000, -9_999)),
    Case("three traces with far crosslines", _stray(193, 70_000, 1_000_000, -1),
         {"missing": 3, "verdict": "warn"}, "111 and 1000000 of trace 3", same=False),
    Case("traces of -999.25 alone", _flat, {"format": 5, "nulls_1e30": 10 * SAMPLES},
         same=False, kind={"format": 5}),
    Case("-999.25 within ten traces", _padding_within, {"format": 5, "nulls_1e30": 10},
         "10 samples are a null value", same=False, kind={"format": 5}),
    *(Case(f"format {code}, traces that begin with 16 samples of {value:g}",
           _filled_up(value, kind), {"format": code, "fill": value if value != 128 else 0},
           f"of one value, such as {value:g}", same=False, kind={"format": code})
      for code, value, kind in ((3, -32768, ">i2"), (16, 128, "u1"), (5, 1e10, ">f4"))),
    Case("NaN, infinity, null values", _not_finite, {"format": 5, "bad_samples": 43,
         "nulls_1e30": 4}, same=False, kind={"format": 5}),
    *(Case(f"format {code}, {FORMATS[code].name}, {endian} endian",
           expected={"format": code, "endian": endian},
           same=code in (1, 2, 3, 5, 6, 9), kind={"format": code, "endian": endian})
      for code in (1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 16) for endian in ("big", "little")),
    *(Case(f"format {code}, {FORMATS[code].name}, headers {endian} endian, samples not",
           _other_way,
           {"format": code, "endian": endian, "verdict": "warn",
            "sample_endian": {"big": "little", "little": "big"}[endian]},
           "endian, the samples", same=code in (1, 2, 3, 5, 6, 9),
           kind={"format": code, "endian": endian})
      for code in (1, 2, 3, 5, 6, 9, 10, 11, 12) for endian in ("big", "little")),
    *(Case(f"format {code}, all numbers multiples of {factor}, of {20_000 // divisor} at most",
           _integers(divisor, factor), {"format": code}, same=False, kind={"format": code})
      for code, divisor, factor in (*_JUSTIFIED, *_SMALL)),
    *(Case(f"format {code}, likewise of {factor}, of {20_000 // divisor} at most, samples not in "
           "the order of the headers", _integers(divisor, factor, turned=True),
           {"format": code, "verdict": "warn", "sample_endian": "little"}, "endian, the samples",
           same=False, kind={"format": code})
      for code, divisor, factor in (*_JUSTIFIED, *_SMALL)),
    Case("format 11, within 10 of the middle of its range", _about_the_middle, {"format": 11},
         same=False, kind={"format": 11}),
    *(Case(f"format {code}, file header big endian, traces little endian", _traces_other_way,
           {"format": code, "verdict": "warn"}, "the traces little endian", kind={"format": code})
      for code in (1, 3, 5)),
    *(Case(f"format {code}, {FORMATS[code].name}", _lying(3225, code),
           {"format": code, "verdict": "refuse"}, "is not read here", kind={"format": 5})
      for code in (4,)),
    Case("says IBM, is IEEE", _lying(3225, 1), {"format": 1, "really": 5, "verdict": "warn"},
         _FORMAT, kind={"format": 5}),
    Case("says IEEE, is IBM", _lying(3225, 5), {"format": 5, "really": 1, "verdict": "warn"},
         _FORMAT, kind={"format": 1}),
    Case("says IBM, is 32-bit integer", _lying(3225, 1),
         {"format": 1, "really": 2, "verdict": "warn"}, _FORMAT, kind={"format": 2}),
    Case("says 32-bit integer, is IEEE", _lying(3225, 2),
         {"format": 2, "really": 5, "verdict": "warn"}, _FORMAT, kind={"format": 5}),
    Case("says 16-bit, is IEEE", _lying(3225, 3),
         {"format": 3, "really": 5, "verdict": "warn"}, _FORMAT, kind={"format": 5}),
    Case("says IBM, is 16-bit", _lying(3225, 1), {"format": 1, "really": 3, "verdict": "warn"},
         _FORMAT),
    Case("says unsigned 16-bit, is signed", _lying(3225, 11),
         {"format": 11, "really": 3, "verdict": "warn"}, _FORMAT),
    Case("says 7 samples, has 40", _lying(3221, 7), {"verdict": "warn"}, "samples a trace"),
    Case("traces of two intervals", _several_intervals, {"verdict": "warn"}, "sample intervals"),
    Case("an interval of 4 microseconds", _lying(3217, 4),
         {"interval_ms": 0.004, "verdict": "warn"}, "hardly meant"),
    Case("starts at two times", _delays, {"delay_ms": [500, 604], "verdict": "refuse"},
         "different times"),
    Case("delay with a scalar", _delay_scaled, {"delay_ms": 500}),
    Case("delay with 12345 for a scalar", _no_time_scalar, {"delay_ms": 500, "verdict": "warn"},
         "the scalar of times at byte 215 is 12345"),
    Case("delay below zero", lambda file: file.set(109, -8), {"delay_ms": -8}),
    Case("interval in the traces alone", _interval_in_traces),
    Case("interval in the traces alone, and not in the first", _interval_after_a_blank),
    Case("interval nowhere", _no_interval, {"interval_ms": 0, "verdict": "ask"}, "--interval-ms"),
    Case("0 samples in the file header", _no_samples, {"verdict": "warn"}, "samples a trace"),
    Case("40000 samples, more than a number with a sign holds", _long_traces,
         {"samples": 40_000}, same=False),
    Case("an interval of 40 ms, more than a number with a sign holds", _unsigned_interval,
         {"interval_ms": 0, "verdict": "ask"}, "is 40 ms without a sign"),
    Case("coordinates in seconds of arc", _angles(2, 100, 1_234_567, 19_000_000),
         {"coordinate_scalar": -100}, "seconds of arc"),
    Case("coordinates in degrees", _angles(3, 10_000, 48_000, 547_000),
         {"coordinate_scalar": -10_000}, "are degrees"),
    Case("coordinates said to be in degrees, which are none", _angles(3, 1, 600_000, 6_000_000),
         {"coordinate_scalar": -1}, "taken for lengths"),
    *(Case(f"coordinates as floating-point numbers{more}", _float_coordinates(scalar),
           {"coordinate_scalar": scalar, "verdict": "warn"}, "floating-point numbers")
      for scalar, more in ((1, ""), (-10, ", scalar -10"), (-100, ", scalar -100"),
                           (-1000, ", scalar -1000"))),
    Case("coordinates in thousandths that could be floating-point numbers", _thousandths,
         {"coordinate_scalar": -1000}),
    Case("x and y of three traces exchanged", _exchanged, {"verdict": "warn"},
         "3 traces have coordinates far from their place"),
    Case("coordinates in centimetres, scalar 0", _no_scalar, {"coordinate_scalar": 0},
         "no place on earth"),
    Case("coordinate scalars that change from line to line", _mixed_scalars,
         {"coordinate_scalar": -100}),
    Case("line numbers at bytes 181 and 185, coordinates of the source elsewhere",
         _lines_as_coordinates(True),
         {"inline_byte": 181, "crossline_byte": 185, "coordinate_scalar": 1}, "usual bytes"),
    Case("line numbers at bytes 181 and 185, no coordinates", _lines_as_coordinates(False),
         {"inline_byte": None, "crossline_byte": None, "inlines": None, "crosslines": None,
          "coordinate_scalar": 1, "verdict": "ask"}, "--inline-byte 181 --crossline-byte 185"),
    Case("six traces a place without offsets", _gathers,
         {"inlines": [111, 112, 1], "duplicates": 100, "verdict": "ask"}, "stacked first"),
    Case("a 2-D line with one inline number and shotpoints", _shotpoints,
         {"inline_byte": None, "crossline_byte": None, "inlines": None, "crosslines": None,
          "order": "line", "cdp": [1001, 1120, 1]}, "numbered at byte 21", same=False),
    Case("dead traces without a delay among others with one", _dead_without_times,
         {"dead": 11}, "11 dead traces", same=False),
    _bytes_at(213, 217),
    *(Case(f"a stacked 2-D line, shotpoints at {inline} and traces in them at {crossline}",
           _shots(inline, crossline, each), {"inline_byte": None, "crossline_byte": None,
           "inlines": None, "crosslines": None, "order": "line", "cdp": [1001, 1120, 1]},
           f"bytes {inline} and {crossline} ({TRACES // each} x {each}) are no line", same=False)
      for inline, crossline, each in ((9, 13, 10), (17, 25, 2))),
    Case("likewise, without CDP numbers", _shots(9, 13, 10, cdp=False),
         {"inline_byte": None, "crossline_byte": None, "inlines": None, "crosslines": None,
          "order": "line", "cdp": [1, TRACES, 1], "verdict": "ask"}, "one behind the other",
         same=False),
    Case("running CDP numbers, rough coordinates of several lines", _rough,
         {"inline_byte": None, "crossline_byte": None, "inlines": None, "crosslines": None,
          "order": "line", "cdp": [1, TRACES, 1], "verdict": "ask"}, "--inline-byte", same=False),
    Case("each line begins a trace later, and counts crosslines from there", _sheared,
         {"verdict": "warn"}, "at 45 degrees to each other"),
    Case("a text header in ASCII with control characters", _text(b"C 1 caf\xe9\r\n\x1b[31m\x07\0")),
    Case("a text header of bytes FF", _text(b"\xff")),
    Case("13 bytes after the last trace", _tail(b"END OF FILE\r\n"), {"verdict": "refuse"},
         "something follows its traces"),
    Case("scalar 0", _scalar(0), {"coordinate_scalar": 0}),
    Case("scalar 100", _scalar(100), {"coordinate_scalar": 100}),
    Case("a 2-D line", _line, {"traces": CROSSLINES, "inline_byte": None, "crossline_byte": None,
         "inlines": None, "crosslines": None, "order": "line", "cdp": [1001, 1010, 1]}, same=False),
    Case("one inline of a volume", _one_inline,
         {"traces": CROSSLINES, "inlines": [111, 111, 1]}, same=False),
    Case("no line numbers, coordinates on a grid", _coordinates_only,
         {"inline_byte": None, "crossline_byte": None, "inlines": None, "crosslines": None,
          "verdict": "ask"}, "a grid of 12 x 10"),
    Case("one field record, running CDP numbers, coordinates on a grid", _one_record,
         {"inline_byte": None, "crossline_byte": None, "inlines": None, "crosslines": None,
          "verdict": "ask"}, "a grid of 12 x 10"),
    Case("no line numbers, no coordinates", _nothing,
         {"inline_byte": None, "crossline_byte": None, "inlines": None, "crosslines": None,
          "order": "line", "cdp": [1, TRACES, 1], "verdict": "ask"}, "--inline-byte"),
    Case("a trace with wild line numbers", _wild, {"missing": 1, "verdict": "warn"},
         "far from inlines 111 to 122 and crosslines 875 to 884", same=False),
    Case("three offsets a bin", _offsets, {"traces": 3 * TRACES, "duplicates": 2 * TRACES,
         "verdict": "refuse"}, "pre-stack"),
    Case("two extended text headers", _extended, {"extended_text_headers": 2}),
    Case("extended text headers up to the last", _extended_open, {"extended_text_headers": 2}),
    Case("two extended text headers that are none", _lying(3505, 2), {"verdict": "warn"},
         "none are taken"),
    Case("an extended text header that is not told of", _untold_text,
         {"extended_text_headers": 1, "verdict": "warn"}, "there are 1"),
    Case("revision 2: says where the first trace is", _first_trace),
    Case("revision 2: says that the first trace is ten later", _stale_first(3600 + 10 * 320),
         {"verdict": "warn"}, "traces from 3600 on"),
    Case("revision 2: says that the first trace is in the middle of one", _stale_first(6900),
         {"verdict": "warn"}, "traces from 3600 on"),
    Case("revision 2: says that the first trace is ten later, cut in the last",
         _stale_first(3600 + 10 * 320, cut=100),
         {"traces": TRACES - 1, "missing": 1, "verdict": "refuse"}, "119 whole traces"),
    Case("revision 2: says that there are more traces", _fewer_traces, {"verdict": "warn"},
         "121 traces"),
    Case("revision 2: texts after the traces, which are counted", _open_trailer(True)),
    Case("revision 2: texts after the traces, which are not counted", _open_trailer(False)),
    Case("revision 2: a second trace header, samples in 32 bits", _revision_2),
    Case("revision 2: claims 4,294,967,295 samples", _claims, {"verdict": "warn"},
         "samples a trace"),
    Case("cut in the last trace", _cut, {"traces": TRACES - 1, "missing": 1, "verdict": "refuse"},
         "whole traces"),
    Case("traces of three lengths", _lengths, {"verdict": "refuse"}, "several lengths"),
    Case("nothing but zeros", _zero, {"dead": TRACES, "verdict": "refuse"}, "nothing recorded"),
    Case("headers alone", _headers_alone, {"traces": 0, "inline_byte": None,
         "crossline_byte": None, "inlines": None, "crosslines": None, "order": "none",
         "delay_ms": 0, "coordinate_scalar": 0, "verdict": "refuse"}, "no traces"),
    Case("random bytes", _random, None, "no SEG-Y"),
    Case("an empty file", lambda file: b"\0", None, "no SEG-Y"),
    Case("zeros", lambda file: bytes(8000), None, "no SEG-Y"),
]  # fmt: skip


def document() -> str:
    """The page with the table."""
    rows = [
        f"| {case.about} | {case.verdict} | {case.says or '–'} |"
        for case in ALL
    ]  # fmt: skip
    return "\n".join([_ABOUT.format(count=len(ALL)), *rows, ""])


_ABOUT = """# Odd surveys

What `salt-survey scan` makes of SEG-Y files that are odd in one way each. Each of the {count} below
is drawn, scanned and opened by `tests/survey/test_odd_surveys.py`, which holds that

- every field of the scan is right: format, byte order, samples, interval, delay, bytes of the line
  numbers, their ranges and steps, order, missing, dead and duplicate traces, bad samples, scalar;
- there is never a traceback: what is wrong is one line that is safe to print;
- what can be read gives the amplitudes of the file that is not odd, each in its place;
- what is written back has its headers byte for byte, but for the format's code.

*ok*: it can be run. *warn*: it can, and what was decided against its headers is said. *ask*: a run
ends with a question (exit code 2) that options or an edited scan answer. *refuse*: it ends with
the reason, nothing is written (exit code 2).

This page is made by `python -m tests.survey.odd_surveys > docs/odd-surveys.md`.

| odd | verdict | what is said holds |
|---|---|---|"""

if __name__ == "__main__":
    print(document(), end="")

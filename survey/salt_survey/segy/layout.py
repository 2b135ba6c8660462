"""Where traces lie in a file: what its header says, held against its size and its traces."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from salt_survey.segy.binary import HEAD, TEXT, FileHeader, extended_text, text_trailer
from salt_survey.segy.formats import FORMATS, named
from salt_survey.segy.order import Endian, dtype
from salt_survey.segy.raw import RawFile

HEADER = 240  # bytes of a trace header
SAMPLES_BYTE = 115  # of the trace header: how many samples it says it has
_LOOKS = 64  # traces that are looked at to see whether a layout is right
_WALK = 20_000  # traces of differing lengths that are followed before it is believed
_UNTOLD = 4  # extended text headers that the file header may keep silent about
_AGREE = 0.9  # share of the traces looked at that have to say the same


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the traces are.

    Attributes:
        endian: byte order of the traces' headers.
        format: code of the samples' format, as the header has it.
        samples: of a trace.
        width: bytes of a sample.
        start: of the first trace, in bytes.
        extended: extended text headers before it.
        extra: headers of 240 bytes after each trace's own.
        traces: whole ones.
        rest: bytes of a cut one after them.
        offsets: of the traces' headers, where these are of several lengths; empty where not.
        file_endian: byte order of the file's header where it is another, else None.
        dead_flags: whether what trace headers say of dead traces counts.
        notes, warnings, faults: what there is to know, what was decided against the header, and
            why it cannot be read; a line each.
    """

    endian: Endian
    format: int
    samples: int
    width: int
    start: int
    extended: int
    extra: int
    traces: int = 0
    rest: int = 0
    file_endian: Endian | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    offsets: tuple[int, ...] = ()
    dead_flags: bool = True

    @property
    def head(self) -> int:
        """Bytes before a trace's samples."""
        return HEADER * (1 + self.extra)

    @property
    def pitch(self) -> int:
        """Bytes from a trace to the next."""
        return self.head + self.samples * self.width

    def offset(self, trace: int) -> int:
        """Of a trace's header, in bytes."""
        return self.offsets[trace] if self.offsets else self.start + trace * self.pitch

    def counted(self, size: int) -> Layout:
        """With the traces that a file has room for."""
        room = max(0, size - self.start)
        return dataclasses.replace(self, traces=room // self.pitch, rest=room % self.pitch)


def find(file: RawFile, header: FileHeader, reading: int | None = None) -> Layout:
    """Find where the traces are. The header is believed where file and traces agree with it; else
    what they agree on is taken, and said.

    Args:
        file: SEG-Y.
        header: its own.
        reading: code of the samples' format, instead of the header's.

    Raises:
        SurveyError: the extended text headers have no end.
    """
    declared = _declared(file, header, reading)
    size = file.size - _trailer(file, header, declared)
    before = [each for each in _earlier(declared) if _are_traces(file, each[0], declared.start)]
    if declared.samples and not before and _fits(file, declared, size):
        return _believed(declared.counted(size), header)
    said = named(reading or header.format)
    for other, why in (*before, *_others(file, declared, said)):
        if _fits(file, other, size):
            return dataclasses.replace(other.counted(size), warnings=(why,))
    for other, why in before:
        return _misfit(file, dataclasses.replace(other, warnings=(why,)), size)
    return _misfit(file, declared, size)


def _trailer(file: RawFile, header: FileHeader, declared: Layout) -> int:
    """Bytes after the last trace; what follows so many traces where only they are counted."""
    if header.trailer >= 0:
        return header.trailer
    rest = file.size - declared.start - header.traces * declared.pitch
    if header.traces and rest >= 0 and rest % TEXT == 0:
        return rest
    return text_trailer(file, declared.start, declared.pitch)


def _believed(layout: Layout, header: FileHeader) -> Layout:
    """With a warning where the header tells of another number of traces."""
    if header.traces in (0, layout.traces):
        return layout
    return dataclasses.replace(
        layout,
        warnings=(
            f"the file header says {header.traces} traces, the file has {layout.traces}; it may "
            "be cut, or something else follows the traces",
        ),
    )


def _earlier(declared: Layout) -> Iterator[tuple[Layout, str]]:
    """Where traces may begin before the header says, and how to say so."""
    follow = HEAD + TEXT * declared.extended
    if declared.start > follow:
        yield (
            dataclasses.replace(declared, start=follow),
            f"the file header says that the first trace is at {declared.start} bytes; there are "
            f"traces from {follow} on, which are taken",
        )
    if declared.extended:
        yield (
            dataclasses.replace(declared, start=HEAD, extended=0),
            f"the file header tells of {declared.extended} extended text headers; without them "
            "the traces lie where they have to; none are taken",
        )


def _are_traces(file: RawFile, layout: Layout, end: int) -> bool:
    """From a layout's start up to an offset, there are traces, as far as they are looked at."""
    count = max(1, (end - layout.start) // layout.pitch)
    looked = np.unique(np.linspace(0, count - 1, _LOOKS).astype(np.int64))
    said = {_samples_at(file, layout, layout.start + int(at) * layout.pitch) for at in looked}
    return said == {layout.samples & 0xFFFF} != {0}


def _declared(file: RawFile, header: FileHeader, reading: int | None) -> Layout:
    extended = extended_text(file, header.extended)
    if HEAD + TEXT * extended > file.size:  # no such thing in revision 0, and junk there
        extended = 0
    width = FORMATS[reading or header.format].width
    start = HEAD + TEXT * extended
    if start < header.first < file.size:
        start = header.first
    return Layout(
        header.endian, header.format, header.samples, width, start, extended, header.extra
    )


def _others(file: RawFile, declared: Layout, said: str) -> Iterator[tuple[Layout, str]]:
    """What else may be meant, the likelier first, and how to say so; ``said``: the format."""
    told = _told(file, declared)
    if told and told != declared.samples:
        yield (
            dataclasses.replace(declared, samples=told),
            f"the file header says {declared.samples} samples a trace, the traces say {told}, "
            "which fits the file; taken",
        )
    other: Endian = "little" if declared.endian == "big" else "big"
    turned = dataclasses.replace(declared, endian=other, file_endian=declared.endian)
    if declared.samples and _samples_at(file, turned, turned.start) == declared.samples:
        yield (
            turned,
            f"the file header is {declared.endian} endian, the traces {other} endian; read so",
        )
    yield from _earlier(declared)
    for count in range(declared.extended + 1, declared.extended + 1 + _UNTOLD):
        start = HEAD + TEXT * count
        if start < file.size and _samples_at(file, declared, start) == declared.samples:
            yield (
                dataclasses.replace(declared, start=start, extended=count),
                f"extended text headers: there are {count}, the file header tells of "
                f"{declared.extended}; the traces follow them",
            )
    for width in (4, 2, 1, 8, 3):
        if width != declared.width:
            for samples in {declared.samples, told} - {0}:
                yield (
                    dataclasses.replace(declared, width=width, samples=samples),
                    f"format {said} has {declared.width} bytes a sample, the file has {width}",
                )


def _told(file: RawFile, layout: Layout) -> int:
    """How many samples the first trace says it has; 0 if it does not."""
    return _samples_at(file, layout, layout.start)


def _samples_at(file: RawFile, layout: Layout, offset: int) -> int:
    """How many samples the trace at an offset says it has; 0 if it does not, or is not there."""
    if offset + HEADER > file.size:
        return 0
    data = file.read(offset + SAMPLES_BYTE - 1, 2)
    return int(data.view(dtype("u2", layout.endian))[0])


def _fits(file: RawFile, layout: Layout, size: int) -> bool:
    """Whole traces only, and they say that they have as many samples, if they say anything."""
    counted = layout.counted(size)
    if counted.rest or not counted.traces:
        return False
    looked = np.unique(np.linspace(0, counted.traces - 1, _LOOKS).astype(np.int64))
    said = [_samples_at(file, counted, counted.offset(int(trace))) for trace in looked]
    if said[0] not in (0, counted.samples & 0xFFFF):  # something else lies before the traces
        return False
    agree = sum(number in (0, counted.samples & 0xFFFF) for number in said)
    return agree >= _AGREE * len(said)


def _misfit(file: RawFile, declared: Layout, size: int) -> Layout:
    """The layout as declared, with what is wrong about it."""
    counted = declared.counted(size)
    walked = _walked(file, declared, size)
    lengths = sorted({samples for _, samples in walked}, reverse=True)
    if len(lengths) > 1:
        offsets = tuple(offset for offset, _ in walked)
        counted = dataclasses.replace(counted, traces=len(offsets), rest=0, offsets=offsets)
        shown = ", ".join(map(str, lengths[:5]))
        fault = f"traces of several lengths ({shown} samples), expected one; cut or pad them to one"
    elif not counted.samples:
        fault = "neither the file header nor the traces say how many samples a trace has"
    elif counted.rest:
        fault = (
            f"the file is cut, or something follows its traces: {counted.traces} whole traces, "
            f"then {counted.rest} of the {counted.pitch} bytes of another; copy it anew, or give "
            "--allow-truncated to go without these"
        )
    elif not counted.traces:
        fault = "headers alone, no traces"
    else:
        return dataclasses.replace(
            counted,
            notes=(
                f"the traces do not say at byte {SAMPLES_BYTE} that they have "
                f"{counted.samples} samples, as the file header does; its number is taken, which "
                "fits the file",
            ),
        )
    return dataclasses.replace(counted, faults=(fault,))


def _walked(file: RawFile, layout: Layout, size: int) -> list[tuple[int, int]]:
    """Offset and length of each trace, found by the length of the one before; none if that leads
    astray.
    """
    at = layout.start
    found: list[tuple[int, int]] = []
    while at + layout.head <= size and len(found) < _WALK:
        samples = _samples_at(file, layout, at) or layout.samples
        found.append((at, samples))
        at += layout.head + samples * layout.width
    return found if at == size or len(found) == _WALK else []

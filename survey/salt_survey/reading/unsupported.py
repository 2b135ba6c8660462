"""What a file or folder is that is no survey, in words: what was seen, and how to go on."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from salt_infer.system import file_kind

_EXPECTED = "expected SEG-Y, a Zarr or .npy"
_HEAD = 3600  # bytes that SEG-Y has before its traces
_TRACE = 240  # of a trace header, in Seismic Unix as in SEG-Y
_SHOWN = 1000  # entries of a folder that are looked at
_ZARR = (".zarray", ".zgroup", "zarr.json")  # one of which each Zarr has
_LINES = "its volume saved as an array [inline, crossline, sample] (numpy.save) can be named"
_FIELD = "field records before processing: stack and migrate them, and export SEG-Y"

# By the first bytes; where there are none that are sure, by the name's end.
_STARTS = (
    (b"VBS\0", "ZGY: export SEG-Y from Petrel, or with OpenZGY"),
    (b"MATLAB 5.0 MAT-file", f"a file of MATLAB: {_LINES}"),
    (b"\x89HDF\r\n\x1a\n", f"HDF5: {_LINES}"),
    (b"CDF\x01", f"NetCDF: {_LINES}"),
    (b"CDF\x02", f"NetCDF: {_LINES}"),
    (b"\x55\x3a", f"SEG-2, {_FIELD}"),
    (b"\x3a\x55", f"SEG-2, {_FIELD}"),
)  # fmt: skip
_ENDINGS = {
    ".vds": "VDS by its name: export SEG-Y with OpenVDS (SEGYExport)",
    ".zgy": "ZGY by its name: export SEG-Y from Petrel, or with OpenZGY",
    ".sgz": "SGZ by its name: export SEG-Y with seismic-zfp (SgzConverter)",
    ".segd": f"SEG-D by its name, {_FIELD}",
    ".sgd": f"SEG-D by its name, {_FIELD}",
    ".onnx": "a model by its name: give it to --model",
    ".seis": "no SEG-Y, whatever program wrote it: export SEG-Y from that",
}
_SEG_D = {0x8015, 0x8022, 0x8024, 0x8036, 0x8038, 0x8042, 0x8044, 0x8048, 0x8058}
_PICTURES = ("a PNG", "a JPEG", "a TIFF", "a GIF", "a BMP")
_TILES = (
    "a picture has no amplitudes; name the survey that it was made of, and tiles to salt-infer; of "
    "a picture alone, save its greys as [trace, sample] (numpy.save)"
)


def no_survey(path: Path, otherwise: str) -> str:
    """What to say of a file that is no SEG-Y.

    Args:
        path: of it.
        otherwise: what was seen, where nothing better is known.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(2 * _HEAD)
        size = path.stat().st_size
    except OSError:
        return otherwise
    if path.suffix.lower() == ".npy" and (expected := _length(path)) > size:
        return (
            f"{path} is cut: it has {size} bytes, expected {expected} by its header, "
            f"{expected - size} more; copy or write it anew"
        )
    found = _kind(path, head, size)
    return f"{path} is no SEG-Y or other survey: it is {found}; {_EXPECTED}" if found else otherwise


def _length(path: Path) -> int:
    """Bytes that an array of NumPy has by its header; 0 where that does not say it."""
    with open(path, "rb") as file:
        try:
            first = npy.read_magic(file) == (1, 0)
            read = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
            shape, _, kind = read(file)
        except ValueError:
            return 0
        return 0 if kind.hasobject else file.tell() + math.prod(shape) * kind.itemsize


def _kind(path: Path, head: bytes, size: int) -> str | None:
    if not head:
        return "empty: copy it anew"
    for start, what in _STARTS:
        if head.startswith(start):
            return what
    known = file_kind.kind(path)
    if known == "an array of NumPy":
        return None if path.suffix.lower() == ".npy" else f"{known}: give it a name in .npy"
    if known in _PICTURES:
        return f"{known}: {_TILES}"
    if known and known.startswith("an .npz"):
        return "an .npz of NumPy: save the one array in it as .npy (numpy.save)"
    return known or _by_name(path) or _seismic(head, size) or _text(head)


def _by_name(path: Path) -> str | None:
    return _ENDINGS.get(path.suffix.lower())


def _seismic(head: bytes, size: int) -> str | None:
    """Traces without a file header, or field records."""
    if len(head) >= 4 and int.from_bytes(head[2:4], "big") in _SEG_D:
        return f"SEG-D, {_FIELD}"
    for order in ("<u2", ">u2"):
        if _are_traces(head, size, order):
            return (
                "of Seismic Unix, traces without a file header: make SEG-Y of it with "
                "segyhdrs < in.su | segywrite tape=out.sgy"
            )
    return None


def _are_traces(head: bytes, size: int, order: str) -> bool:
    """Traces of one length fill the file, and the second says that it has it, too."""

    def samples(at: int) -> int:
        return int(np.frombuffer(head, order, 1, at + 114)[0]) if at + 116 <= len(head) else 0

    count = samples(0)
    pitch = _TRACE + 4 * count
    if not count or size % pitch:
        return False
    return size == pitch or pitch + 116 > len(head) or samples(pitch) == count


def _text(head: bytes) -> str | None:
    try:
        text = head[:_HEAD].decode("utf-8", "strict" if len(head) <= _HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    if all(each.isprintable() or each in "\r\n\t\f\ufeff" for each in text) and "\n" in text:
        return "text, such as a table: export the survey itself as SEG-Y"
    return None


def no_zarr(path: Path) -> str | None:
    """What to say of a folder that is no Zarr; None of one that is."""
    names = sorted(each.name for each in itertools.islice(path.iterdir(), _SHOWN))
    if any((path / name).is_file() for name in _ZARR):  # among chunks that may be many more
        return None
    if not names:
        return f"{path} is an empty folder; {_EXPECTED}"
    surveys = [name for name in names if name.lower().endswith((".sgy", ".segy", ".npy", ".zarr"))]
    if surveys:
        return f"{path} is a folder, and no Zarr: name a survey in it, such as {path / surveys[0]}"
    if all(name.lower().endswith((".png", ".jpg", ".jpeg", ".tif", ".tiff")) for name in names):
        return f"{path} is a folder of pictures: {_TILES}; {_EXPECTED}"
    return f"{path} is a folder, and no Zarr (it holds {names[0]}, ...); {_EXPECTED}"

"""What a file is that was taken for something else, by its first bytes, and what to do with it."""

from __future__ import annotations

import re
from pathlib import Path

ZIP = "a zip"
_SURVEYS = {".sgy", ".segy", ".seg", ".zarr"}
_CARDS = ("C 1", "C01")  # beginnings of a SEG-Y file's text header
_HEAD = 512  # bytes that are looked at
_TAIL = 65_536  # bytes in which the names of a zip's last files stand
_EXPORT = "salt-export makes a model file of a checkpoint"

# What ONNX Runtime says of files that were written by a later onnx.
_NEWER = re.compile(
    r"Unsupported model IR version: (\d+), max supported IR version: (\d+)"
    r"|Opset (\d+) is under development.* is till opset (\d+)",
    re.DOTALL,
)

# What ONNX Runtime, OpenVINO and salt_infer.modelfile say of files that end in between, or are not
# in the encoding of ONNX at all.
_UNPARSED = re.compile(r"INVALID_PROTOBUF|can't be parsed|it ends within")
# Its version's field, and one of those that follow: names, description, opsets, graph.
_ONNX = re.compile(rb"\x08[\x01-\x7f]([\x12\x1a\x22\x32\x3a\x42]|\x28[\x00-\x7f])", re.DOTALL)
_AGAIN = "copy it again, or export the checkpoint again"

_PICTURES = {"a JPEG", "a TIFF", "a GIF", "a BMP", "a WebP", "a HEIC or AVIF"}
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"version https://git-lfs", "a pointer of git-lfs, not the file: run git lfs pull"),
    (b"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes"),
    (b"PAR1", "a Parquet table"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"\x80\x02", f"a pickle, as old checkpoints of PyTorch are: {_EXPORT}"),
    (b"\x1f\x8b", "compressed by gzip: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"\xfd7zXZ\0", "compressed by xz: unpack it"),
    (b"BZh", "compressed by bzip2: unpack it"),
    (b"(\xb5/\xfd", "compressed by zstd: unpack it"),
    (b"%PDF", "a PDF"),
    (b"ftrt", "an engine of TensorRT, which fits one GPU and version: name the .onnx, and "
     "--provider tensorrt builds the engine"),
    (b"ptrt", "an engine of TensorRT, which fits one GPU and version: name the .onnx, and "
     "--provider tensorrt builds the engine"),
)  # fmt: skip
_MARKS = ((8, b"WEBP", "a WebP"), *((4, b"ftyp" + name, "a HEIC or AVIF") for name in (
    b"heic", b"heix", b"mif1", b"avif",
)))  # fmt: skip


def kind(path: Path) -> str | None:
    """What a file seems to be, with what to do with it where that is known; None of those that
    cannot be read or are nothing of the kind. What is no model, zip or table is named here.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            tail = file.read(_TAIL)
    except OSError:
        return None
    return _kind(head, tail) if head else "empty"


def sent(data: bytes) -> str | None:
    """:func:`kind` of what came without a file, in place of a tile; None of pictures, which
    :func:`picture` knows.
    """
    if picture(data) or (what := _kind(data[:_HEAD], data[-_TAIL:])) is None:
        return None
    return (
        f"{ZIP}: send its tiles one by one, or as several files" if what.startswith(ZIP) else what
    )


def _kind(head: bytes, tail: bytes) -> str | None:
    return _begun(head) or _zip(head, tail) or _other(head)


def picture(data: bytes) -> str | None:
    """What picture a file's bytes are that is no PNG; None where they are none that is known."""
    found = _begun(data)
    return found if found in _PICTURES else None


def _begun(data: bytes) -> str | None:
    """What begins so."""
    found = (what for start, what in _STARTS if data.startswith(start))
    marked = (what for at, mark, what in _MARKS if data.startswith(mark, at))
    return next(found, None) or next(marked, None)


def is_onnx(path: Path) -> bool:
    """Whether a file begins as an ONNX model does, be it damaged behind that."""
    try:
        with open(path, "rb") as file:
            return bool(_ONNX.match(file.read(_HEAD)))
    except OSError:
        return False


def is_survey(path: Path) -> bool:
    """Whether a file or folder is a survey by its name, or by the text header of SEG-Y."""
    if path.suffix.lower() in _SURVEYS and (path.suffix.lower() == ".zarr" or not path.is_dir()):
        return True
    try:
        with open(path, "rb") as file:
            start = file.read(3)
    except OSError:
        return False
    return start in {card.encode(code) for card in _CARDS for code in ("cp037", "ascii")}


def told(path: Path, error: str) -> str:
    """Why a file cannot be used: what it is, where that is known, else what a library said."""
    return f"it is {what}" if (what := kind(path)) else error


def no_model(path: Path, error: str) -> str:
    """:func:`told` of a model that a runtime cannot load."""
    if found := _NEWER.search(error):
        has, knows = filter(None, found.groups())
        return (
            f"its format is of version {has}, and the runtime here knows up to {knows}: update "
            "onnxruntime, or export the checkpoint again with the packages of this machine"
        )
    if _UNPARSED.search(error) and not kind(path):
        return (
            f"it is {'' if is_onnx(path) else 'no ONNX file, or '}damaged or incomplete: {_AGAIN}"
        )
    return told(path, error)


def _zip(head: bytes, tail: bytes) -> str | None:
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    if b"constants.pkl" in tail:
        return f"TorchScript: {_EXPORT}"
    if b"data.pkl" in head + tail:
        return f"a checkpoint of PyTorch: {_EXPORT}"
    if b".npy" in head + tail:
        return "an .npz of NumPy"
    return f"{ZIP}: unpack it and name the file in it"


def _other(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, such as a server shows in place of a file: download it anew"
    if re.match(rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<net\b", text, re.DOTALL):
        return "OpenVINO's own format: name the .onnx, and --provider openvino reads it"
    if text.startswith(b"<"):
        return "XML"
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it"
    if head[4:8] == b"TFL3":
        return "a model of TensorFlow Lite"
    if head[4:8] == b"ORTM":
        return "of ONNX Runtime's own format: name the .onnx it was made from"
    if re.match(rb".{7}\0\{\"", head, re.DOTALL):
        return f"safetensors: {_EXPORT}"
    return None

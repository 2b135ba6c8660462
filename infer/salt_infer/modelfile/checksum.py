"""Is a model file what was written and proven? Some changed bytes among millions of weights are no
error to a runtime, and give other masks.

The metadata entry ``salt.sha256`` holds the sha256 of the file's bytes, with that entry's own 64
digits as zeros. Files without it are not checked, which is told. It is no signature: who changes a
file on purpose can write it anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from salt_infer.errors import ModelError
from salt_infer.modelfile.protobuf import MAX_FIELDS, MalformedError, Span, Walk

METADATA_KEY = "salt.sha256"
NONE_YET = "0" * 64  # the entry while the others are written

# Numbers of fields in onnx.proto.
_MODEL_METADATA, _ENTRY_KEY, _ENTRY_VALUE = 14, 1, 2
_CHUNK = 1 << 20


def written(data: bytes) -> bytes:
    """A model's bytes with their checksum.

    Args:
        data: of an ONNX file, whose entry METADATA_KEY is NONE_YET.
    """
    head = METADATA_KEY.encode() + bytes([_ENTRY_VALUE << 3 | 2, len(NONE_YET)])
    before, after = data.split(head + NONE_YET.encode())
    return before + head + hashlib.sha256(data).hexdigest().encode() + after


def check(path: Path) -> None:
    """Refuse a file that is not what was written.

    Args:
        path: of any file: what is no ONNX file at all is left to those who read it.

    Raises:
        ModelError: it has a checksum, of other bytes.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            entry = _entry(file)
        except MalformedError:
            return
        if entry is None:
            return
        found = hashlib.sha256()
        for part in _without(file, entry):
            found.update(part)
        file.seek(entry.start)
        said = file.read(min(entry.end - entry.start, len(NONE_YET)))
    if said != found.hexdigest().encode():
        raise ModelError(
            f"{path} is damaged, or was changed after its export: its bytes are not those that "
            "salt-export wrote and compared with the network; copy it again, or export the "
            "checkpoint again"
        )


def doubt(path: Path) -> str:
    """A warning of a file without a checksum; empty as a rule, and of what cannot be read."""
    with contextlib.suppress(OSError, MalformedError), open(path, "rb") as file:
        if _entry(file) is None:
            return (
                f"{path} has no checksum, as files have that were changed after their export: what "
                "it says of its precision, score and proof may be another file's; salt-export "
                "--verify-only compares it with its network"
            )
    return ""


def _entry(file: IO[bytes]) -> Span | None:
    """Where the checksum stands, if there is one."""
    walk = Walk(file, MAX_FIELDS)
    for entry in walk.all(walk.whole(), _MODEL_METADATA):
        if isinstance(entry, int):
            continue  # which runtimes pass over
        fields = dict(walk.fields(entry))
        key, value = fields.get(_ENTRY_KEY), fields.get(_ENTRY_VALUE)
        if not isinstance(key, Span) or key.end - key.start != len(METADATA_KEY):
            continue
        if walk.read(key) == METADATA_KEY.encode():
            return value if isinstance(value, Span) else Span(entry.end, entry.end)
    return None


def _without(file: IO[bytes], entry: Span) -> Iterator[bytes]:
    """The file's bytes, those of the entry as zeros."""
    file.seek(0)
    left = entry.start
    while left and (part := file.read(min(left, _CHUNK))):
        left -= len(part)
        yield part
    yield NONE_YET.encode()
    file.seek(entry.end)
    while part := file.read(_CHUNK):
        yield part

"""Arrays that are damaged on the disk: an error that says where, from all that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.overrides import Overrides

MS = Overrides(interval_ms=4)
SHAPE, CHUNK = (8, 6, 40), (4, 6, 40)
BREAKS: dict[str, Any] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "noise": lambda data: np.random.default_rng(0).bytes(len(data)),
    "zeros": lambda data: bytes(len(data)),
}
CODECS: dict[str, tuple[Literal[2, 3], Any]] = {
    "none": (3, None), "gzip": (3, GzipCodec()), "zstd": (3, ZstdCodec()),
    "blosc": (3, BloscCodec()), "crc": (3, Crc32cCodec()), "zlib": (2, numcodecs.Zlib()),
    "bz2": (2, numcodecs.BZ2()), "lzma": (2, numcodecs.LZMA()), "lz4": (2, numcodecs.LZ4()),
    "blosc of 2": (2, numcodecs.Blosc()),
}  # fmt: skip


def volume(path: Path, codec: str) -> list[Path]:
    """A Zarr of two chunks, and their files in order."""
    version, packed = CODECS[codec]
    array = zarr.create_group(path, zarr_format=version).create_array(
        "amplitude", shape=SHAPE, chunks=CHUNK, dtype="f4", compressors=packed
    )
    array[...] = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    found = sorted(each for each in (path / "amplitude").rglob("*") if each.is_file())
    return [each for each in found if not each.name.startswith((".z", "zarr.json"))]


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("codec", CODECS)
def test_a_chunk_that_is_damaged(tmp_path: Path, codec: str, broken: str) -> None:
    """But numbers that are kept as they are, which may be any."""
    path = tmp_path / "a.zarr"
    chunks = volume(path, codec)
    assert len(chunks) == 2
    sound = scanned(path, MS).scan
    chunks[1].write_bytes(BREAKS[broken](chunks[1].read_bytes()))
    says = r"a.zarr: inlines .* to 8 and crosslines 1 to 6 cannot be read \(.*\): the array is dam"
    if codec == "none" and broken not in ("cut", "empty"):
        return
    with pytest.raises(SurveyError, match=says):
        scanned(path, MS)
    with Survey.open(path, sound) as survey:
        survey.read(slice(0, 4), slice(None))
        with pytest.raises(SurveyError, match=says):
            survey.read(slice(4, 8), slice(None))


@pytest.mark.parametrize("codec", ["blosc", "blosc of 2"])
@pytest.mark.parametrize("length", [0, 15, 16, -1])
def test_a_chunk_of_blosc_is_not_unpacked_beyond_its_end(
    tmp_path: Path, codec: str, length: int
) -> None:
    """Where another of the same bytes has been in memory, it would be found there again."""
    path = tmp_path / "a.zarr"
    first, second = volume(path, codec)
    whole = second.read_bytes()
    second.write_bytes(whole[:length])
    with pytest.raises(
        SurveyError, match=rf"\(chunk .* is {len(whole[:length])} bytes of [0-9]+\)"
    ):
        scanned(path, MS)
    second.unlink()  # of the fill value
    assert scanned(path, MS).scan.dead == 24
    first.unlink()
    assert scanned(path, MS).scan.verdict == "refuse"


@pytest.mark.parametrize("broken", [*BREAKS, "no JSON"])
@pytest.mark.parametrize("name", ["zarr.json", "amplitude/zarr.json"])
def test_metadata_that_is_damaged(tmp_path: Path, name: str, broken: str) -> None:
    path = tmp_path / "a.zarr"
    volume(path, "zstd")
    told = BREAKS | {"no JSON": lambda data: b'{"zarr_format": 3, "node_type": "arr'}
    (path / name).write_bytes(told[broken]((path / name).read_bytes()))
    with pytest.raises(SurveyError, match=r"a\.zarr"):
        scanned(path, MS)

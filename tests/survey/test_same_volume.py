"""One survey kept in many ways gives one volume, byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from salt_survey.cli.survey import cli
from salt_survey.segy.formats import FORMATS, decode
from salt_survey.volume.store import Store
from tests.survey.odd_surveys import CROSSLINES, INLINES, SAMPLES, TRACES, File, sound

PLACES = np.arange(TRACES).reshape(INLINES, CROSSLINES)


def small(**kind: object) -> File:
    """Values that 8 bits hold, in any format."""
    return sound(**({"format": 8} | kind))


def crossline_sorted() -> File:
    file = small()
    file.take(PLACES.T.ravel())
    return file


def shuffled() -> File:
    file = small()
    file.take(np.random.default_rng(5).permutation(TRACES))
    return file


def in_format(code: int, endian: str = "big") -> File:
    """The 8-bit values in another format; integers of 8 bits fit into all of these."""
    from salt_survey.segy.create import encode

    values = decode(small().samples, 8, "big")
    file = small(format=code, endian=endian)
    file.samples = encode(values, code, file.kind.endian)
    assert file.samples.shape[1] == SAMPLES * FORMATS[code].width
    return file


WAYS = {
    "crossline-sorted": crossline_sorted,
    "shuffled": shuffled,
    "bytes 9 and 21": lambda: small(inline_byte=9, crossline_byte=21),
    "IBM": lambda: in_format(1),
    "IEEE, little endian": lambda: in_format(5, "little"),
    "32-bit integers": lambda: in_format(2),
    "doubles": lambda: in_format(6),
}


def found(survey: Path, out: Path, *options: str) -> np.ndarray:
    """The volume of a run, uint8 [inline, crossline, sample]."""
    command = ["run", str(survey), "--out", str(out), "--polarity", "reversed", "--tta", "none"]
    done = CliRunner().invoke(cli, [*command, "--zoom", "4/8", *options])
    assert done.exit_code == 0, done.output
    return Store.open(out).read("probability", "inline", slice(0, INLINES))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("expected")
    (folder / "s.sgy").write_bytes(small().bytes())
    volume = found(folder / "s.sgy", folder / "out.zarr")
    assert volume.shape == (INLINES, CROSSLINES, SAMPLES)
    assert len(np.unique(volume)) > 3  # so that a permutation of it is another
    return volume


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_as_segy(way: str, expected: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "s.sgy").write_bytes(WAYS[way]().bytes())
    np.testing.assert_array_equal(found(tmp_path / "s.sgy", tmp_path / "out.zarr"), expected)


@pytest.mark.slow
def test_as_zarr_and_npy(expected: np.ndarray, tmp_path: Path) -> None:
    values = decode(small().samples, 8, "big").reshape(INLINES, CROSSLINES, SAMPLES)
    np.save(tmp_path / "s.npy", values)
    zarr.save_array(str(tmp_path / "s.zarr"), values)
    for name in ("s.npy", "s.zarr"):
        out = tmp_path / f"{name}-out.zarr"
        volume = found(tmp_path / name, out, "--interval-ms", "4")
        np.testing.assert_array_equal(volume, expected)

"""Files and folders that are no survey: what is said of them is one line with a way out."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr

from salt_survey.errors import SurveyError
from salt_survey.reading import unsupported
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.overrides import Overrides
from tests.pngs import good_tile
from tests.survey import small
from tests.survey.odd_surveys import sound

REST = bytes(5000)


def unix(order: str) -> bytes:
    """Traces of Seismic Unix: of SEG-Y, but for the file header, and always floats."""
    file = sound(format=5, endian="big" if order == ">" else "little")
    return file.bytes()[3600:]


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("survey.sgy", sound().bytes())
    return buffer.getvalue()


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, survey=np.zeros((9, 9, 9)))
    return buffer.getvalue()


FILES = {
    "a.png": (good_tile(), "a PNG: a picture has no amplitudes"),
    "named.sgy": (b"\x89PNG\r\n\x1a\n" + REST, "a PNG: a picture has no amplitudes"),
    "a.tif": (b"II*\0" + REST, "a TIFF: a picture"),
    "a.pdf": (b"%PDF-1.7\n" + REST, "a PDF"),
    "a.npz": (arrays(), "save the one array in it as .npy"),
    "npy.sgy": (b"\x93NUMPY\x01\0" + REST, "give it a name in .npy"),
    "a.npy": (b"\x89PNG\r\n\x1a\n" + REST, "a PNG: a picture"),
    "a.csv": (b"inline,crossline,ms,amplitude\r\n" * 500, "text, such as a table"),
    "short.txt": (b"not a survey\n", "text, such as a table"),
    "page.sgy": (b"<!DOCTYPE html><html>" + b"sorry\n" * 999, "a web page"),
    "pointer.sgy": (b"version https://git-lfs.github.com/spec/v1\noid", "run git lfs pull"),
    "a.onnx": (b"\x08\x08\x12\x07pytorch" + REST, "give it to --model"),
    "a.zip": (zipped(), "a zip: unpack it"),
    "a.sgy.gz": (gzip.compress(sound().bytes()), "compressed by gzip: unpack it"),
    "gz.sgy": (gzip.compress(sound().bytes()), "compressed by gzip: unpack it"),
    "empty.sgy": (b"", "empty: copy it anew"),
    "a.su": (unix("<"), "segyhdrs < in.su | segywrite"),
    "big.sgy": (unix(">"), "segyhdrs < in.su | segywrite"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + REST, "HDF5: its volume saved as an array"),
    "a.nc": (b"CDF\x01" + REST, "NetCDF"),
    "a.mat": (b"MATLAB 5.0 MAT-file".ljust(5000), "a file of MATLAB"),
    "a.zgy": (b"VBS\0" + REST, "export SEG-Y from Petrel, or with OpenZGY"),
    "a.vds": (REST, "export SEG-Y with OpenVDS"),
    "a.sgz": (REST, "SgzConverter"),
    "a.sg2": (b"\x55\x3a\x01\0" + REST, "SEG-2, field records"),
    "a.bin": (b"\0\x01\x80\x58" + REST, "SEG-D, field records"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_survey_is_named_with_a_way_out(tmp_path: Path, name: str) -> None:
    data, says = FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SurveyError) as error:
        scanned(path)
    line = str(error.value)
    assert line.startswith(f"{path} is no SEG-Y or other survey: it is ")
    assert says in line
    assert line.endswith("; expected SEG-Y, a Zarr or .npy")
    assert line.isprintable()
    assert len(line.replace(str(path), "")) < 250


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ((), "is an empty folder"),
        (("b.png", "a.PNG"), "a folder of pictures"),
        (("notes.txt", "north.sgy"), "name a survey in it, such as .*north.sgy"),
        (("notes.txt",), r"a folder, and no Zarr \(it holds notes.txt"),
    ],
)
def test_folders(tmp_path: Path, names: tuple[str, ...], says: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SurveyError, match=says):
        scanned(tmp_path)


@pytest.mark.slow
def test_a_zarr_of_more_chunks_than_names_are_looked_at(tmp_path: Path) -> None:
    """Zarr of version 2 has them all beside its ``.zarray``."""
    data = np.random.default_rng(0).normal(size=(40, 30, 8)).astype(np.float32)
    path = tmp_path / "flat.zarr"
    array = zarr.create_array(path, data=data, chunks=(1, 1, 8), zarr_format=2)
    assert len(list(path.iterdir())) > 1000 and array.shape == data.shape
    with Survey.open(path, overrides=Overrides(interval_ms=4)) as survey:
        found = survey.read(slice(7, 8), slice(None)).amplitude
    np.testing.assert_array_equal(found[0], data[7])


def test_what_is_not_known_is_told_as_it_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    assert unsupported.no_survey(path, "as seen") == "as seen"
    assert unsupported.no_survey(tmp_path / "nowhere", "as seen") == "as seen"


@pytest.mark.parametrize("name", ["nowhere.sgy", "nowhere.npy", "nowhere.zarr"])
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(SurveyError, match=r"cannot be read \(No such file"):
        scanned(tmp_path / name)


@pytest.mark.slow
def test_every_command_says_it_and_writes_nothing(tmp_path: Path) -> None:
    path, label = tmp_path / "a.png", tmp_path / "l.png"
    path.write_bytes(good_tile())
    label.write_bytes(good_tile())
    before = sorted(tmp_path.iterdir())
    for command, *more in (
        ("scan",),
        ("look", "--out", tmp_path / "o.html"),
        ("calibrate", "--labels", f"1={label}", "--out", tmp_path / "o.json"),
        ("run", "--out", tmp_path / "o.zarr"),
    ):
        code, _, errors = small.run(command, path, *more)
        assert (code, errors.count("\n")) == (2, 1), errors
        assert "it is a PNG" in errors
    code, _, errors = small.run("export", path, "--like", path, "--out", tmp_path / "o.sgy")
    assert (code, "it is a PNG" in errors) == (2, True), errors
    assert sorted(tmp_path.iterdir()) == before


def test_an_array_of_two_dimensions_is_one_line(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)
    np.save(tmp_path / "line.npy", values)
    with Survey.open(tmp_path / "line.npy", overrides=Overrides(interval_ms=4)) as survey:
        assert survey.scan.is_line
        assert survey.is_line
        assert (survey.scan.cdp, survey.scan.inlines) == ((1, 30, 1), None)
        assert any("one line of 30 traces of 12 samples" in note for note in survey.scan.notes)
        block = survey.read(slice(0, 1), slice(0, 30))
    np.testing.assert_array_equal(block.amplitude[0], values)
    np.save(tmp_path / "flat.npy", values[0])
    with pytest.raises(SurveyError, match=r"\[12\] of float32, expected .* one line"):
        scanned(tmp_path / "flat.npy")


@pytest.mark.parametrize("lost", [1, 1000])
def test_an_array_that_is_cut_says_how_much_is_missing(lost: int, tmp_path: Path) -> None:
    path = tmp_path / "s.npy"
    np.save(path, np.ones((9, 9, 9)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    size = len(whole)
    says = f"is cut: it has {size - lost} bytes, expected {size} by its header, {lost} more; copy"
    with pytest.raises(SurveyError, match=says):
        Survey.open(path)

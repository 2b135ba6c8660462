"""A volume as SEG-Y beside its survey, in processes of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import segyio
import zarr

from salt_survey.reading.survey import Survey
from salt_survey.volume.horizons import FILES
from salt_survey.volume.store import Store
from tests.survey import small

ALL = slice(None)


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.survey(tmp_path_factory.mktemp("survey"))


def as_array(survey: Path, path: Path, delay_ms: float = 400.0, first: int = 100) -> Path:
    """The same amplitudes as a Zarr."""
    group = zarr.create_group(path, zarr_format=3)
    with Survey.open(survey) as opened:
        group.create_array("amplitude", data=opened.read(ALL, ALL).amplitude)
    group.create_array("inline", data=first + np.arange(small.INLINES))
    group.create_array("crossline", data=300 + np.arange(small.CROSSLINES))
    group.create_array("time_ms", data=delay_ms + 4.0 * np.arange(small.SAMPLES))
    return path


def run(survey: Path, out: Path, *more: object) -> Path:
    code, _, errors = small.run("run", survey, "--out", out, *small.SETTINGS, *more)
    assert code == 0, errors
    return out


def export(volume: Path, like: Path, out: Path) -> tuple[int, str, str]:
    return small.run("export", volume, "--like", like, "--out", out)


@pytest.mark.slow
def test_another_survey_of_the_same_lines_is_doubted(survey: Path, tmp_path: Path) -> None:
    volume = run(survey, tmp_path / "p.zarr")
    data = bytearray(survey.read_bytes())
    trace = 240 + 4 * small.SAMPLES
    data[3600:] = data[-trace:] + data[3600:-trace]  # as many bytes, each trace another's
    for at in range(3600, len(data), trace):  # with the headers as they were
        data[at : at + 240] = survey.read_bytes()[at : at + 240]
    other = tmp_path / "other.sgy"
    other.write_bytes(data)
    code, _, errors = export(volume, survey, tmp_path / "same.sgy")
    assert (code, errors) == (0, "")
    code, _, errors = export(volume, other, tmp_path / "other-p.sgy")
    assert code == 0
    said = f"amplitudes of {other} are others than those that {volume} was made of"
    assert said in errors
    page = tmp_path / "look.html"
    code, _, errors = small.run("look", other, "--volume", volume, "--out", page)
    assert code == 0
    assert said in errors


@pytest.mark.parametrize(
    "kind", ["npy", *(pytest.param(each, marks=pytest.mark.slow) for each in ("zarr", "bare zarr"))]
)
def test_a_volume_of_an_array_gets_the_headers_of_the_same_survey(
    survey: Path, tmp_path: Path, kind: str
) -> None:
    """``.npy`` does not number its lines, and a Zarr need not."""
    array, more = as_array(survey, tmp_path / "a.zarr"), ()
    if kind == "npy":
        np.save(tmp_path / "a.npy", zarr.open_group(array)["amplitude"][:])
        array, more = tmp_path / "a.npy", ("--interval-ms", 4, "--delay-ms", 400)
    if kind == "bare zarr":
        group = zarr.open_group(array, mode="r+")
        del group["inline"], group["crossline"]
    volume = run(array, tmp_path / "p.zarr", *more)
    code, said, errors = export(volume, survey, tmp_path / "p.sgy")
    assert code == 0
    assert errors == ""
    assert "p.sgy: 2400 traces of 50 samples, probability 0..1" in said
    found = Store.open(volume).read("probability", "inline", ALL) / 255
    assert found.any()
    with segyio.open(tmp_path / "p.sgy") as written:
        assert segyio.tools.cube(written) == pytest.approx(found, abs=1e-6)


@pytest.mark.slow
def test_an_array_in_the_order_of_a_file_may_lie_another_way(survey: Path, tmp_path: Path) -> None:
    """As where the file has its inlines from the last to the first: each of its probabilities
    would be another trace's.
    """
    with Survey.open(survey) as opened:
        np.save(tmp_path / "a.npy", opened.read(ALL, ALL).amplitude[::-1])
    volume = run(tmp_path / "a.npy", tmp_path / "p.zarr", "--interval-ms", 4, "--delay-ms", 400)
    code, _, errors = export(volume, survey, tmp_path / "p.sgy")
    assert code == 2
    assert f"{survey}, but its inlines go from the last to the first; save it as" in errors
    assert not (tmp_path / "p.sgy").exists()
    code, _, errors = horizons(survey, volume, tmp_path / "h")
    assert code == 2
    assert f"p.zarr was made of an array, {survey} is SEG-Y: name the survey" in errors


@pytest.mark.slow
def test_of_an_array_that_is_not_known_again_the_places_are_taken(
    survey: Path, tmp_path: Path
) -> None:
    """Rounded to 11 bits, its percentiles are those of the survey, and no amplitude is."""
    with Survey.open(survey) as opened:
        np.save(tmp_path / "a.npy", opened.read(ALL, ALL).amplitude.astype(np.float16))
    volume = run(tmp_path / "a.npy", tmp_path / "p.zarr", "--interval-ms", 4, "--delay-ms", 400)
    code, _, errors = export(volume, survey, tmp_path / "p.sgy")
    assert code == 0
    assert f"{survey} by their places alone" in errors
    assert "is it the same survey?" not in errors


@pytest.mark.slow
def test_other_times_are_told_and_other_lines_refused(survey: Path, tmp_path: Path) -> None:
    later = run(as_array(survey, tmp_path / "a.zarr", delay_ms=500), tmp_path / "p.zarr")
    code, _, errors = export(later, survey, tmp_path / "p.sgy")
    assert code == 0
    assert "are of 500 to 696 ms, and the headers, which are kept, say 400 to 596 ms" in errors
    moved = run(as_array(survey, tmp_path / "b.zarr", first=101), tmp_path / "q.zarr")
    code, _, errors = export(moved, survey, tmp_path / "q.sgy")
    assert code == 2
    assert f"has other lines, inlines 101 to 140, than {survey}, inlines 100 to 139: name" in errors
    assert not (tmp_path / "q.sgy").exists()


@pytest.mark.slow
def test_another_survey_of_the_same_shape_is_doubted(survey: Path, tmp_path: Path) -> None:
    array = as_array(survey, tmp_path / "a.zarr")
    louder = zarr.open_group(array, mode="r+")["amplitude"]
    louder[...] = 1.01 * louder[...]
    code, _, errors = export(run(array, tmp_path / "p.zarr"), survey, tmp_path / "p.sgy")
    assert code == 0
    assert f"amplitudes of {survey} are others than those that" in errors


@pytest.mark.slow
def test_the_text_says_whose_numbers_are_meant(survey: Path, tmp_path: Path) -> None:
    """The array has other times than the headers."""
    array = as_array(survey, tmp_path / "a.zarr", delay_ms=300)
    volume = run(array, tmp_path / "p.zarr", "--times", "400:440")
    assert export(volume, survey, tmp_path / "p.sgy")[0] == 0
    with segyio.open(tmp_path / "p.sgy") as written:
        text = segyio.tools.wrap(written.text[0])
        assert "times 400:440 of the array" in " ".join(
            line[4:].strip() for line in text.split("\n")
        )
    # A page shows lines of its survey with what was found there, and needs the very one.
    code, _, errors = small.run("look", survey, "--volume", volume, "--out", tmp_path / "l.html")
    assert code == 2
    assert "l.html" not in [path.name for path in tmp_path.iterdir()]
    code, _, errors = small.run("look", array, "--volume", volume, "--out", tmp_path / "l.html")
    assert code == 0, errors


@pytest.mark.slow
def test_an_array_has_no_headers(survey: Path, tmp_path: Path) -> None:
    array = as_array(survey, tmp_path / "a.zarr")
    code, _, errors = export(run(array, tmp_path / "p.zarr"), array, tmp_path / "p.sgy")
    assert code == 2
    assert "a.zarr is no SEG-Y, whose headers could be taken; where there is one" in errors


@pytest.mark.slow
def test_a_volume_of_segy_is_of_that_file_alone(survey: Path, tmp_path: Path) -> None:
    volume = run(survey, tmp_path / "p.zarr")
    other = tmp_path / "other.sgy"
    other.write_bytes(survey.read_bytes()[:-960])
    code, _, errors = export(volume, other, tmp_path / "p.sgy")
    assert code == 2
    assert "name the survey that the volume was made of" in errors


@pytest.fixture(scope="module")
def with_horizons(survey: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The volume of a part of the times, and the horizons that its run wrote."""
    folder = tmp_path_factory.mktemp("horizons")
    more = ("--horizons", folder / "run", "--times", "420:520")
    return run(survey, folder / "p.zarr", *more), folder / "run"


def horizons(survey: Path, volume: Path, out: Path, *more: object) -> tuple[int, str, str]:
    return small.run("horizons", survey, "--volume", volume, "--out", out, *more)


@pytest.mark.slow
def test_horizons_of_a_finished_volume_are_those_of_its_run(
    survey: Path, with_horizons: tuple[Path, Path], tmp_path: Path
) -> None:
    volume, of_run = with_horizons
    code, said, errors = horizons(survey, volume, tmp_path / "h")
    lines = [len((tmp_path / "h" / name).read_text().splitlines()) for name in FILES]
    assert max(lines) > 0
    assert small.contents(tmp_path / "h") == small.contents(of_run)
    counted = f"top of {lines[0]} traces, base of {lines[1]}, at threshold {small.THRESHOLD}"
    assert (code, said) == (0, f"{tmp_path / 'h'}: {counted}\n")
    assert "nothing was recorded, or run, just below the salt" in errors
    # A lower threshold gives other traces, and what is there is replaced when that is asked for.
    assert horizons(survey, volume, tmp_path / "h", "--threshold", 0.05)[0] == 2
    assert small.contents(tmp_path / "h") == small.contents(of_run)
    code, _, errors = horizons(survey, volume, tmp_path / "h", "--threshold", 0.05, "--overwrite")
    assert code == 0, errors
    assert small.contents(tmp_path / "h") != small.contents(of_run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h"]


@pytest.mark.slow
def test_horizons_are_not_written_where_they_cannot_be(
    survey: Path, with_horizons: tuple[Path, Path], tmp_path: Path
) -> None:
    volume, _ = with_horizons
    code, _, errors = horizons(survey, volume, volume / "h")
    assert (code, f"would be written within {volume}" in errors) == (2, True)
    code, _, errors = horizons(survey, volume, tmp_path / "missing" / "h")
    assert (code, "missing does not exist; create it first" in errors) == (2, True)
    other = tmp_path / "other.sgy"
    other.write_bytes(survey.read_bytes()[:-960])
    code, _, errors = horizons(other, volume, tmp_path / "h")
    assert (code, "name the survey that the volume was made of" in errors) == (2, True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.doc").touch()
    assert horizons(survey, volume, tmp_path / "mine")[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "other.sgy"]

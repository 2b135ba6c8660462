"""The door to a survey: what is read, from whatever it is kept in."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import segyio
import zarr
from click.testing import CliRunner

from salt_infer.errors import SaltError
from salt_survey.cli.survey import cli
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan, load
from tests.survey.odd_surveys import CROSSLINES, INLINES, SAMPLES, File, amplitudes, sound

ALL = slice(None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "survey.sgy", sound())


def written(path: Path, file: File) -> Path:
    path.write_bytes(file.bytes())
    return path


def volume() -> np.ndarray:
    return amplitudes().reshape(INLINES, CROSSLINES, SAMPLES)


def test_segyio_reads_the_same(path: Path) -> None:
    with segyio.open(path) as file, Survey.open(path) as survey:
        np.testing.assert_array_equal(segyio.cube(file), survey.read(ALL, ALL).amplitude)
        np.testing.assert_array_equal(file.ilines, survey.inlines)
        np.testing.assert_array_equal(file.samples, survey.times_ms)


def test_a_path_may_be_text(path: Path) -> None:
    with Survey.open(str(path)) as survey:
        np.testing.assert_array_equal(survey.read(ALL, ALL).amplitude, volume())
    with pytest.raises(SurveyError, match=r"survey\.sgy is closed; read it within its with block"):
        survey.read(ALL, ALL)


@pytest.mark.parametrize("given", [None, 3, b"x.sgy", "a\0b.sgy", "nope.sgy"])
def test_what_is_no_path_of_a_survey_is_told(given: object) -> None:
    with pytest.raises(SaltError, match=r"^the path is |cannot be |does not exist"):
        Survey.open(given)  # type: ignore[arg-type]


def test_any_block(path: Path) -> None:
    with Survey.open(path) as survey:
        block = survey.read(slice(2, 5), slice(1, 9))
    np.testing.assert_array_equal(block.amplitude, volume()[2:5, 1:9])


@pytest.mark.parametrize("off", [-1e-9, 1e-9, 0.0])
def test_line_numbers_that_are_floats_are_rounded(tmp_path: Path, off: float) -> None:
    group = zarr.create_group(tmp_path / "s.zarr", zarr_format=3)
    group.create_array("amplitude", data=volume())
    numbers = 200 + np.arange(len(volume()))
    group.create_array("inline", data=numbers + off)
    with Survey.open(tmp_path / "s.zarr", overrides=Overrides(interval_ms=4)) as survey:
        assert survey.inlines.tolist() == numbers.tolist()


@pytest.mark.parametrize(("number", "says"), [(200.5, "200.5"), (np.nan, "nan"), (1e12, "1000000")])
def test_floats_that_are_no_line_numbers_are_refused(
    tmp_path: Path, number: float, says: str
) -> None:
    group = zarr.create_group(tmp_path / "s.zarr", zarr_format=3)
    group.create_array("amplitude", data=volume())
    numbers = 100.0 + np.arange(len(volume()))
    numbers[-1] = number
    group.create_array("inline", data=numbers)
    with pytest.raises(SurveyError, match=f"inlines are such as {says}.*, expected whole numbers"):
        Survey.open(tmp_path / "s.zarr", overrides=Overrides(interval_ms=4))


@pytest.mark.parametrize("padding", [0.0, -999.25])
def test_what_fills_traces_up_was_not_recorded(tmp_path: Path, padding: float) -> None:
    file = sound(format=5)
    samples = file.samples.view(">f4")
    samples[:, :3] = padding
    samples[7, 10:] = padding
    samples[8, 20] = padding  # in the middle a zero is an amplitude, the other a null
    with Survey.open(written(tmp_path / "s.sgy", file)) as survey:
        recorded = survey.read(ALL, ALL).recorded.reshape(-1, SAMPLES)
    assert not recorded[:, :3].any()
    assert not recorded[7, 10:].any()
    assert recorded[7, 3:10].all()
    assert recorded[8, 20] == (padding == 0)
    assert recorded[8, 3:20].all()


def kept(values: np.ndarray, path: Path) -> Path:
    """Of the shape of a volume, in .npy or SEG-Y."""
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        file = sound(format=5)
        file.samples.view(">f4")[:] = values.reshape(-1, SAMPLES)
        written(path, file)
    return path


@pytest.mark.parametrize(("code", "blank"), [(16, 128), (3, -32768), (5, 1e10)])
def test_a_value_that_fills_traces_up_was_not_recorded(
    code: int, blank: float, tmp_path: Path
) -> None:
    file = sound(format=code)
    samples = file.samples.view({16: "u1", 3: ">i2", 5: ">f4"}[code])
    samples[:, :18] = blank
    samples[7, -17:] = blank
    samples[11, :20], samples[11, 20:] = blank, 1
    with Survey.open(written(tmp_path / "s.sgy", file)) as survey:
        block, live = survey.read(ALL, ALL), survey.live
        scan = survey.scan
        with Survey.open(tmp_path / "s.sgy", scan) as again:
            assert np.array_equal(again.live, live)
    recorded = block.recorded.reshape(-1, SAMPLES)
    assert not recorded[:, :18].any()
    assert recorded[0, 18:].all()
    assert not recorded[7, -17:].any()
    assert np.array_equal(live, block.recorded.any(axis=2))
    assert not live[1, 1]
    told = f"120 traces begin or end with 16 samples or more of one value, such as {blank:g}"
    assert any(note.startswith(told) for note in scan.notes)
    assert scan.percentiles["100"] < 1e9


@pytest.mark.parametrize("kind", ["npy", "sgy"])
def test_the_value_that_fills_some_traces_up_is_none_at_the_ends_of_others(
    kind: str, tmp_path: Path
) -> None:
    """As where a horizon ends what was recorded, and traces end 0 to 20 samples before."""
    values = volume()
    ends = [SAMPLES - each % 21 for each in range(values.shape[0] * values.shape[1])]
    for trace, end in zip(values.reshape(-1, SAMPLES), ends, strict=True):
        trace[end:] = -32768
    path = kept(values, tmp_path / f"s.{kind}")
    with Survey.open(path, overrides=Overrides(interval_ms=4)) as survey:
        recorded, scan = survey.read(ALL, ALL).recorded.reshape(-1, SAMPLES), survey.scan
        assert scan.fill == -32768
        assert scan.percentiles["0"] > -32768
        assert scan.verdict == "ok", scan.warnings
        assert recorded.sum(axis=1).tolist() == ends
        with Survey.open(path, scan) as again:
            assert np.array_equal(again.read(ALL, ALL).recorded.reshape(-1, SAMPLES), recorded)


@pytest.mark.parametrize("blank", ["as others", "of its own"])
def test_an_amplitude_that_fills_traces_up_is_one_at_the_ends_of_others(
    blank: str, tmp_path: Path
) -> None:
    values = np.rint(volume())
    values[..., 0] = 7
    values[:2, :, :18] = 7 if blank == "as others" else values[:2, :, 18:19]
    np.save(tmp_path / "a.npy", values)
    with Survey.open(tmp_path / "a.npy", overrides=Overrides(interval_ms=4)) as survey:
        assert survey.scan.fill == 0
        assert survey.read(slice(2, None), ALL).recorded.all()
        (note,) = [line for line in survey.scan.notes if "of one value" in line]
        assert "of others either" not in note


@pytest.mark.parametrize("kind", ["npy", "sgy"])
def test_nulls_are_told_of(kind: str, tmp_path: Path) -> None:
    values = volume()
    values[0, 0, 7] = values[3, 4] = -999.25
    path = kept(values, tmp_path / f"s.{kind}")
    scan = scanned(path, Overrides(interval_ms=4)).scan
    assert (scan.nulls_1e30, scan.verdict) == (SAMPLES + 1, "ok")
    null, alone = (note for note in scan.notes if "not recorded" in note)
    assert null.startswith(f"{SAMPLES + 1} samples are a null value, 1e29 or more or -999.25;")
    assert alone.startswith("1 traces hold zeros and such samples alone;")
    assert scanned(path, known=scan).scan == scan


def test_a_flag_that_all_traces_have_is_ignored_with_a_scan_too(tmp_path: Path) -> None:
    file = sound()
    file.set(29, 2)
    path = written(tmp_path / "s.sgy", file)
    with Survey.open(path) as survey, Survey.open(path, survey.scan) as again:
        assert again.scan == survey.scan
        for each in (survey, again):
            assert each.live.all()
            np.testing.assert_array_equal(each.read(ALL, ALL).amplitude, volume())


def test_amplitudes_alone_tell_surveys_apart(tmp_path: Path) -> None:
    one = written(tmp_path / "one.sgy", sound())
    file = sound()
    file.set(181, np.arange(len(file.headers)) + 5)  # a header that says nothing about samples
    same = written(tmp_path / "same.sgy", file)
    file.samples[:] = np.roll(file.samples, 1, axis=0)
    other = written(tmp_path / "other.sgy", file)
    told = []
    for path in (one, same, other):
        with Survey.open(path) as survey:
            told.append(survey.amplitudes())
    assert told[0] == told[1] != told[2]


def test_zarr_and_npy_hold_the_same_survey(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", volume())
    group = zarr.create_group(tmp_path / "s.zarr", zarr_format=3)
    group.create_array("amplitude", data=volume())
    group.create_array("inline", data=np.arange(111, 123))
    group.create_array("crossline", data=np.arange(875, 885))
    group.create_array("time_ms", data=500 + 4.0 * np.arange(SAMPLES))
    zarr.save_array(str(tmp_path / "two.zarr"), volume(), zarr_format=2)
    plain = Overrides(interval_ms=4)
    for name, overrides in (("s.npy", plain), ("s.zarr", None), ("two.zarr", plain)):
        with Survey.open(tmp_path / name, overrides=overrides) as survey:
            np.testing.assert_array_equal(survey.read(ALL, ALL).amplitude, volume())
            assert survey.live.all()
            if name == "s.zarr":
                assert survey.inlines[0] == 111
                assert survey.times_ms[:2].tolist() == [500, 504]


@pytest.mark.parametrize("shape", [(3,), (0, 3, 4)])
def test_arrays_that_are_no_survey(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros(shape))
    with pytest.raises(SurveyError, match="expected numbers"):
        Survey.open(tmp_path / "s.npy")


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.array([[[print]]], object), allow_pickle=True)
    with pytest.raises(SurveyError, match="cannot be read"):
        Survey.open(tmp_path / "s.npy")


def test_what_is_not_recorded(tmp_path: Path) -> None:
    file = sound(format=5)
    values = file.samples.view(">f4")
    values[0] = 0
    file.headers[1, 29] = 2
    values[2, :5], values[2, -3:], values[2, 20] = 0, 0, 0
    values[3, 7], values[5] = np.nan, np.inf
    path = written(tmp_path / "s.sgy", file)
    with Survey.open(path) as survey:
        recorded = survey.read(slice(0, 1), ALL).recorded[0]
        assert not recorded[:2].any()
        assert not recorded[2, :5].any()
        assert not recorded[2, -3:].any()
        assert recorded[2, 5:-3].all()
        assert not recorded[3, 7]
        assert recorded[4].all()
        assert not recorded[5].any()
        assert recorded[6:].all()
        live = survey.live
        assert not live[0, :2].any()
        assert not live[0, 5]
        assert live.sum() == INLINES * CROSSLINES - 3
        # The same where the samples were not gone through when it was opened.
        with Survey.open(path, survey.scan) as again:
            np.testing.assert_array_equal(again.live, live)
            assert again.scan == survey.scan
            assert again.digest() == survey.digest()


def test_a_scan_can_be_edited(path: Path, tmp_path: Path) -> None:
    scan = scanned(path).scan
    edited = json.loads(scan.to_json()) | {"interval_ms": 2, "inline_byte": 193,
                                           "crossline_byte": 189}  # fmt: skip
    (tmp_path / "scan.json").write_text(json.dumps(edited))
    with Survey.open(path, load(tmp_path / "scan.json")) as survey:
        assert survey.inlines[0] == 875
        assert survey.times_ms[1] - survey.times_ms[0] == 2
        assert survey.scan.warnings[0].startswith(
            "the scan says samples every 2 ms from 500 ms on, the headers every 4 ms from 500 ms; "
        )
    said = Overrides(interval_ms=2)
    with Survey.open(path, load(tmp_path / "scan.json"), said) as survey:
        assert not any("samples every" in each for each in survey.scan.warnings)


def test_times_of_a_scan_are_each_held_against_the_headers(path: Path) -> None:
    edited = dataclasses.replace(scanned(path).scan, delay_ms=0)
    for said, told in ((Overrides(), 1), (Overrides(interval_ms=4), 1), (Overrides(delay_ms=0), 0)):
        warnings = scanned(path, said, edited).scan.warnings
        assert len([each for each in warnings if "from 0 ms on, the headers" in each]) == told


def test_what_was_measured_is_no_part_of_how_a_survey_is_read(path: Path) -> None:
    """A run goes on whatever a later version measures."""
    with Survey.open(path) as survey:
        other = dataclasses.replace(survey.scan, spectrum=(1.0,), percentiles={"50": 1.0})
        with Survey.open(path, other) as again:
            assert again.scan != survey.scan
            assert again.digest() == survey.digest()


@pytest.mark.parametrize(("name", "value"), [("kind", "npy"), ("samples", 400), ("traces", 5)])
def test_what_describes_the_file_cannot_be_edited(name: str, value: object, path: Path) -> None:
    edited = Scan.from_json(json.dumps(scanned(path).scan.to_dict() | {name: value}))
    with pytest.raises(SurveyError, match=f"the scan says {name} {value}, the file has") as error:
        Survey.open(path, edited)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("revision", "7.0"), ("extended_text_headers", 3), ("extra_trace_headers", 1),
     ("coordinate_scalar", -1000)],
)  # fmt: skip
def test_headers_that_say_otherwise_are_warned_of(name: str, value: object, path: Path) -> None:
    """As where they were mended after a run, whose volume keeps the scan."""
    edited = Scan.from_json(json.dumps(scanned(path).scan.to_dict() | {name: value}))
    with Survey.open(path, edited) as survey:
        (told,) = survey.scan.warnings
    assert told.startswith(f"the scan says {name} {value}, read with it the file has")


def test_lines_that_are_others_than_the_scan_has_are_warned_of(path: Path) -> None:
    scan = scanned(path).scan
    edited = dataclasses.replace(scan, inlines=(1, 12, 1))
    with Survey.open(path, edited) as survey:
        assert survey.inlines[0] == 111
        first = survey.scan
    assert first.warnings == (
        "the scan says inlines (1, 12, 1), read with it the file has (111, 122, 1)",
    )
    assert first.verdict == "warn"
    assert scanned(path, known=first).scan == scan  # as it says the file's now
    bytes_ = Overrides(inline_byte=193, crossline_byte=189)
    assert scanned(path, bytes_, scan).scan.warnings == ()


def test_an_array_is_not_what_an_edited_scan_says(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", volume())
    scan = scanned(tmp_path / "v.npy", Overrides(interval_ms=4)).scan
    with Survey.open(tmp_path / "v.npy", scan) as survey:
        assert survey.scan == scan
    with pytest.raises(SurveyError, match="the scan says samples 7, the file has"):
        Survey.open(tmp_path / "v.npy", dataclasses.replace(scan, samples=7))


def test_keys_that_a_scan_has_not(path: Path) -> None:
    values = scanned(path).scan.to_dict()
    values["intervall_ms"] = values.pop("interval_ms")
    values["x\ny"] = 1
    with pytest.raises(SurveyError) as error:
        Scan.from_json(json.dumps(values))
    assert str(error.value).startswith(
        "the scan lacks interval_ms and has intervall_ms, which is unknown (is it interval_ms?) "
        "and has x\\ny, which is unknown; mend that"
    )


def test_swapped_bytes_are_wondered_at(tmp_path: Path) -> None:
    file = sound(inline_byte=193, crossline_byte=189)
    along = np.arange(INLINES * CROSSLINES) % CROSSLINES
    file.set(1, 576 + along)
    scan = scanned(written(tmp_path / "s.sgy", file)).scan
    assert scan.verdict == "ok"
    assert any("--inline-byte 193 --crossline-byte 189" in note for note in scan.notes)
    file = sound()
    file.set(1, 576 + along)
    file.set(71, 0)
    notes = " ".join(scanned(written(tmp_path / "s.sgy", file)).scan.notes)
    assert "--inline-byte" not in notes
    assert "scalar is 0" in notes


def test_bins_are_those_of_one_line_number(tmp_path: Path) -> None:
    file = sound()
    rows, columns = np.divmod(np.arange(INLINES * CROSSLINES), CROSSLINES)
    file.set(189, 100 + 2 * rows)
    file.set(193, 300 + 5 * columns)
    scan = scanned(written(tmp_path / "s.sgy", file)).scan
    assert scan.bin_m == pytest.approx((12.5, 5), abs=0.01)
    assert scan.corners[0] == pytest.approx((100, 300, 600_000, 6_070_000), abs=0.1)
    assert scan.corners[-1][:2] == (122, 345)


def test_a_scan_of_another_file(path: Path) -> None:
    scan = dataclasses.replace(scanned(path).scan, size=5)
    with pytest.raises(SurveyError, match="scan is of a file of 5"):
        Survey.open(path, scan)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples", -1),
        ("inline_byte", 500),
        ("endian", "middle"),
        ("interval_ms", -4),
        ("interval_ms", 1e300),
        ("interval_ms", 10**400),
        ("delay_ms", [0, 1e300]),
        ("interval_ms", "4"),
        ("percentiles", [1]),
        ("corners", [[1, 2, 3]]),
        ("verdict", None),
        ("notes", ["a\nb"]),
        ("traces", True),
    ],
)
def test_a_scan_that_is_none(field: str, value: object, path: Path) -> None:
    values = scanned(path).scan.to_dict() | {field: value}
    with pytest.raises(SurveyError, match=field):
        Scan.from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"salt_survey_scan": 1}', "[" * 100_000])
def test_json_that_is_no_scan(text: str, tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_text(text)
    with pytest.raises(SurveyError, match=r"the scan|this is no scan"):
        load(tmp_path / "scan.json")


def test_questions_stay_until_they_are_answered(tmp_path: Path) -> None:
    file = sound()
    file.set(189, 0)
    file.set(193, 0)
    path = written(tmp_path / "s.sgy", file)
    scan = scanned(path).scan
    for known in (None, scan):
        with pytest.raises(SurveyError, match="--lines-from coordinates"):
            Survey.open(path, known)
    with Survey.open(path, scan, Overrides(lines_from="coordinates")) as survey:
        np.testing.assert_array_equal(survey.read(ALL, ALL).amplitude, volume())


def test_a_cut_file_can_be_allowed(tmp_path: Path) -> None:
    file = sound()
    file.cut = 50
    with Survey.open(
        written(tmp_path / "s.sgy", file), overrides=Overrides(allow_truncated=True)
    ) as survey:
        np.testing.assert_array_equal(survey.read(ALL, ALL).amplitude[:-1], volume()[:-1])
        assert survey.traces[-1, -1] == -1


def test_a_file_that_shrinks_meanwhile(path: Path) -> None:
    with Survey.open(path) as survey:
        path.write_bytes(path.read_bytes()[:5000])
        with pytest.raises(SurveyError, match="do not change it"):
            survey.read(ALL, ALL)


def test_the_digest_tells_files_apart(path: Path, tmp_path: Path) -> None:
    with Survey.open(path) as survey:
        before = survey.digest()
        assert before == survey.digest()
    with Survey.open(path, overrides=Overrides(format=11)) as survey:
        assert survey.digest() != before
    file = sound()
    file.samples[5] = 3
    with Survey.open(written(path, file)) as survey:
        assert survey.digest() != before


def test_headers_that_claim_much_take_no_memory(tmp_path: Path) -> None:
    """A header may say that a trace has 4,294,967,295 samples and be followed by 32,767 more."""
    file = sound()
    file.head[3500] = 2
    file.head[3268:3272] = b"\xff" * 4
    file.head[3504:3508] = b"\x7f\xff\x7f\xff"
    file.headers[:, 114:116] = 0
    path = written(tmp_path / "s.sgy", file)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from salt_survey.reading.survey import scanned\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = scanned(Path(sys.argv[1])).scan\n"
        "print(found.verdict, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    verdict, kib = done.stdout.split()
    assert verdict == "refuse"
    assert int(kib) < 64 << 10


@pytest.mark.parametrize("seed", range(40))
def test_broken_bytes_are_never_a_traceback(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(sound().bytes())
    zone = (3200, 3600) if seed % 2 else (3600, len(data))
    for at in rng.integers(*zone, 30):
        data[at] = rng.integers(256)
    (tmp_path / "s.sgy").write_bytes(data)
    try:
        with Survey.open(tmp_path / "s.sgy") as survey:
            assert np.isfinite(survey.read(ALL, ALL).amplitude).all()
    except SaltError as error:
        assert "\n" not in str(error)


def test_options_are_checked(path: Path) -> None:
    runner = CliRunner()
    for options in (
        ["--inline-byte", "189"], ["--inline-byte", "0", "--crossline-byte", "5"],
        ["--format", "99"], ["--interval-ms", "0"],
    ):  # fmt: skip
        assert runner.invoke(cli, ["scan", str(path), *options]).exit_code == 2
    done = runner.invoke(
        cli, ["scan", str(path), "--inline-byte", "193", "--crossline-byte", "189"]
    )
    assert "inlines 875 to 884, crosslines 111 to 122" in done.output
    done = runner.invoke(cli, ["scan", str(path), "--json"])
    assert json.loads(done.output)["traces"] == INLINES * CROSSLINES


def test_a_scan_keeps_what_was_decided_against_the_headers(tmp_path: Path) -> None:
    file = sound(format=5)
    file.binary(3225, 1)
    path = written(tmp_path / "s.sgy", file)
    with Survey.open(path) as first, Survey.open(path, first.scan) as again:
        assert first.scan.verdict == "warn"
        assert again.scan == first.scan
        np.testing.assert_array_equal(again.read(ALL, ALL).amplitude, volume())


def test_a_zarr_that_claims_much_takes_no_memory(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "s.zarr", zarr_format=3)
    for name, shape, chunks in (
        ("amplitude", (1 << 20, 1 << 20, 1 << 10), (1, 1, 1 << 10)),
        ("data", (4, 4, 1 << 30), (4, 4, 1 << 30)),
    ):
        group.create_array(name, shape=shape, chunks=chunks, dtype="f4")
        with pytest.raises(SurveyError, match="more than are read here"):
            Survey.open(tmp_path / "s.zarr")
        del group[name]
    with pytest.raises(SurveyError, match="0 arrays that could be the survey"):
        Survey.open(tmp_path / "s.zarr")
    with pytest.raises(SurveyError, match="a folder, and no Zarr"):
        Survey.open(tmp_path)


def test_a_huge_sparse_file_takes_no_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "s.sgy", sound())
    pitch = 240 + 2 * SAMPLES
    with open(path, "r+b") as file:
        file.truncate(3600 + pitch * (1 << 33))
    with pytest.raises(SurveyError, match="split the file"):
        Survey.open(path)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sgy")
    for path in (tmp_path / "pipe.sgy", Path("/dev/zero")):
        with pytest.raises(SurveyError, match="no regular file"):
            Survey.open(path)
    with pytest.raises(SurveyError, match="No such file"):
        Survey.open(tmp_path / "none.sgy")


# Whole words of the trace header that mean nothing else to a scan.
WORDS = [byte for byte in range(41, 238, 4) if byte not in (69, 73, 77, 81, 85, 89, 105, 109, 113,
                                                           117, 181, 185, 213)]  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_line_numbers_anywhere(seed: int, tmp_path: Path) -> None:
    """Lower inline, higher crossline, in a file sorted by inline or not at all; byte 1 counts."""
    rng = np.random.default_rng(seed)
    inline, crossline = sorted(rng.choice(WORDS, 2, replace=False).tolist())
    file = sound(inline_byte=inline, crossline_byte=crossline, endian=["big", "little"][seed % 2])
    file.set(1, 576 + np.arange(INLINES * CROSSLINES) % CROSSLINES)
    if seed % 3 == 0:
        file.take(rng.permutation(INLINES * CROSSLINES))
    scan = scanned(written(tmp_path / "s.sgy", file)).scan
    assert (scan.inline_byte, scan.crossline_byte) == (inline, crossline)
    assert (scan.inlines, scan.crosslines) == ((111, 122, 1), (875, 884, 1))


def test_what_numbers_the_lines_over_a_scan_that_has_bytes(tmp_path: Path) -> None:
    path = tmp_path / "s.sgy"
    path.write_bytes(sound().bytes())
    scan = scanned(path).scan
    by = {}
    for lines_from in ("coordinates", "traces"):
        found = scanned(path, Overrides(lines_from=lines_from), scan).scan
        by[lines_from] = found
        assert (found.lines_from, found.inline_byte) == (lines_from, None)
        assert any(f"--lines-from {lines_from} holds" in each for each in found.warnings)
    assert by["coordinates"].inlines == (1, 12, 1)
    assert by["traces"].is_line
    edited = dataclasses.replace(scan, lines_from="coordinates")
    found = scanned(path, None, edited).scan
    assert (found.lines_from, found.inlines) == ("headers", (111, 122, 1))
    assert any("the bytes hold" in each for each in found.warnings)
    bytes_ = Overrides(inline_byte=189, crossline_byte=193)
    assert scanned(path, bytes_, by["coordinates"]).scan.inlines == (111, 122, 1)
    with pytest.raises(SurveyError, match="give one of the two"):
        Overrides(inline_byte=189, crossline_byte=193, lines_from="traces")

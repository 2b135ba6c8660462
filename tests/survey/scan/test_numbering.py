"""Line numbers of two bytes and of four: what is searched, said and read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from salt_survey.cli.survey import cli
from salt_survey.errors import SurveyError
from salt_survey.reading.survey import Survey, scanned
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan
from salt_survey.segy import lines
from tests.survey.odd_surveys import CROSSLINES, FIRST, INLINES, TRACES, File, sound

ROWS, COLUMNS = np.divmod(np.arange(TRACES), CROSSLINES)
WIDE, NARROW = (189, 193), (233, 235)


def halves(file: File, inline: int, crossline: int) -> None:
    """Line numbers of two bytes, counted anew from 1."""
    for byte, numbers in ((inline, 1 + ROWS), (crossline, 1 + COLUMNS)):
        file.headers[:, byte - 1 : byte + 1] = numbers.astype(">i2")[:, None].view(np.uint8)


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A file with line numbers of four bytes, and others of two."""
    file = sound()
    halves(file, *NARROW)
    path = tmp_path / "both.sgy"
    path.write_bytes(file.bytes())
    return path


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A file with none but the last two of two bytes."""
    file = sound()
    file.set(189, 0)
    file.set(193, 0)
    halves(file, 237, 239)
    path = tmp_path / "narrow.sgy"
    path.write_bytes(file.bytes())
    return path


def found(scan: Scan) -> tuple[int | None, int | None, int]:
    return scan.inline_byte, scan.crossline_byte, scan.line_width


def test_a_width_alone_says_what_is_searched(both: Path, narrow: Path) -> None:
    assert found(scanned(both).scan) == (*WIDE, 4)
    assert found(scanned(both, Overrides(line_width=4)).scan) == (*WIDE, 4)
    assert found(scanned(both, Overrides(line_width=2)).scan)[2] == 2
    assert found(scanned(narrow).scan) == (237, 239, 2)
    asked = scanned(narrow, Overrides(line_width=4)).scan
    assert (asked.verdict, asked.inline_byte) == ("ask", None)


def test_the_width_goes_with_the_bytes(both: Path, narrow: Path) -> None:
    scan = scanned(both, Overrides(inline_byte=233, crossline_byte=235, line_width=2)).scan
    assert found(scan) == (*NARROW, 2)
    with Survey.open(both, scan) as survey:
        assert list(survey.inlines) == list(range(1, INLINES + 1))
    with Survey.open(both, scan, Overrides(inline_byte=189, crossline_byte=193)) as survey:
        assert found(survey.scan) == (*WIDE, 4)
        assert survey.inlines[0] == FIRST[0]
    with Survey.open(both, scan, Overrides(line_width=4)) as survey:
        assert found(survey.scan) == (*WIDE, 4)
    said = Overrides(inline_byte=233, crossline_byte=235, line_width=2)
    with Survey.open(both, scanned(both).scan, said) as survey:
        assert found(survey.scan) == (*NARROW, 2)


def test_a_guess_of_two_bytes_can_be_read_again(narrow: Path) -> None:
    scan = scanned(narrow).scan
    assert "--inline-byte 237 --crossline-byte 239 --line-width 2" in " ".join(scan.warnings)
    assert Scan.from_json(scan.to_json()) == scan
    with Survey.open(narrow, scan) as survey:
        assert found(survey.scan) == (237, 239, 2)


def test_all_advice_has_the_width(tmp_path: Path) -> None:
    file = sound()
    file.set(189, 0)
    file.set(193, 0)
    halves(file, 9, 13)
    file.binary(3229, 1)  # not stacked: these may be shots
    path = tmp_path / "s.sgy"
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert (scan.verdict, *found(scan)) == ("ask", 9, 13, 2)
    advice = [*scan.warnings, *scan.questions]
    assert len(advice) == 2
    assert all("--inline-byte 9 --crossline-byte 13 --line-width 2" in line for line in advice)


@pytest.mark.parametrize(("width", "code"), [([], 2), (["--line-width", "2"], 0)])
def test_the_last_bytes_are_those_of_two(narrow: Path, width: list[str], code: int) -> None:
    out = narrow.with_name("scan.json")
    words = ["--inline-byte", "237", "--crossline-byte", "239", *width, "--out", str(out)]
    done = CliRunner().invoke(cli, ["scan", str(narrow), *words])
    assert getattr(done.exception, "exit_code", done.exit_code) == code
    assert out.exists() == (code == 0)
    if code == 0:
        wide = json.loads(out.read_text()) | {"line_width": 4}
        with pytest.raises(SurveyError, match="expected 237 at most"):
            Scan.from_json(json.dumps(wide))


def counted_in_records(file: File) -> None:
    """Inlines at 9 and no crosslines, a third of the traces missing: byte 13 counts the others."""
    file.take(np.flatnonzero(np.random.default_rng(0).random(TRACES) > 1 / 3))
    rows = file.headers[:, 188:192].copy().view(">i4")[:, 0]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    counts = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    for byte, values in ((9, rows), (13, 1 + counts), (181, 0), (185, 0), (189, 0)):
        file.set(byte, values)


def test_traces_counted_in_their_records_are_no_crosslines_where_others_are(tmp_path: Path) -> None:
    file, path = sound(crossline_byte=201), tmp_path / "s.sgy"
    counted_in_records(file)
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert (found(scan)[:2], scan.crosslines) == ((9, 201), (875, 884, 1))
    file.set(201, 0)
    path.write_bytes(file.bytes())
    assert found(scanned(path).scan)[:2] == (9, 13)


TEXTS = (
    "INLINE 1 - 50   XLINE 21 - 60",  # lines, taken for bytes
    "INLINE 1 XLINE 21",  # bytes that count traces, and the CDP
    "INLINE: BYTE 185  CROSSLINE: BYTE 193",  # a coordinate
)


@pytest.mark.parametrize("line", TEXTS)
def test_a_text_that_names_bytes_of_no_lines_is_not_believed(tmp_path: Path, line: str) -> None:
    file = sound(text=(line,))
    file.set(21, 1 + COLUMNS)
    path = tmp_path / "told.sgy"
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert found(scan) == (*WIDE, 4)
    assert scan.inlines == (FIRST[0], FIRST[0] + INLINES - 1, 1)
    assert scan.missing == 0


def test_a_text_that_names_other_bytes_than_usual_is(tmp_path: Path) -> None:
    file = sound(text=("INLINE BYTES 221-224  CROSSLINE BYTES 225-228",))
    file.set(221, 5000 + ROWS)
    file.set(225, 7000 + COLUMNS)
    path = tmp_path / "told.sgy"
    path.write_bytes(file.bytes())
    assert found(scanned(path).scan)[:2] == (221, 225)


def test_traces_without_numbers_among_others_have_no_place(tmp_path: Path) -> None:
    """Nor do they make a grid that reaches from 0 to where the others begin."""
    file = sound()
    for byte in (189, 193):
        file.headers[[3, 50], byte - 1 : byte + 3] = 0
    path = tmp_path / "s.sgy"
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert scan.inlines[0] > 0
    assert scan.missing == 2
    assert any(line.startswith("2 traces have no line numbers") for line in scan.warnings)


def test_lines_that_are_mostly_holes_are_warned_of(tmp_path: Path) -> None:
    file = sound()
    file.set(189, 100 + 90 * (np.arange(len(file.headers)) // CROSSLINES) ** 2)
    path = tmp_path / "s.sgy"
    path.write_bytes(file.bytes())
    (line,) = [each for each in scanned(path).scan.warnings if "made up between traces" in each]
    assert "have no trace: most of what is run" in line


@pytest.mark.parametrize(("gap", "warned"), [(1000, True), (100, False)])
def test_so_is_a_line_whose_numbers_jump(tmp_path: Path, gap: int, warned: bool) -> None:
    file = sound()
    along = np.arange(TRACES)
    for byte, values in ((189, 0), (193, 0), (181, 125 * along), (185, 60_000_000),
                         (21, 1 + along + np.where(along < 50, 0, gap))):  # fmt: skip
        file.set(byte, values)
    path = tmp_path / "s.sgy"
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert (scan.order, scan.missing) == ("line", gap)
    assert any("made up between traces" in each for each in scan.warnings) == warned


@pytest.mark.parametrize("name", ["interval_ms", "delay_ms"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, -1e10])
def test_times_that_are_none_are_refused(name: str, value: float) -> None:
    with pytest.raises(SurveyError, match=rf"--{name[:5]}.* is .*, expected at most 1e\+09 ms"):
        Overrides(**{name: value})  # type: ignore[arg-type]


def by_coordinates(file: File, path: Path) -> Scan:
    path.write_bytes(file.bytes())
    return scanned(path, Overrides(lines_from="coordinates")).scan


def test_coordinates_make_a_grid_of_a_file_of_which_a_part_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is asked about, though one record could be a line, and its CDP numbers run on."""
    monkeypatch.setattr(lines, "MOST", 400)
    rows, columns = np.divmod(np.arange(4000), 40)
    file = sound()
    file.take(np.resize(np.arange(TRACES), 4000))
    for byte, values in ((189, 0), (193, 0), (9, 1), (21, 1 + np.arange(4000)),
                         (181, 250 * columns), (185, 125 * rows)):  # fmt: skip
        file.set(byte, values)
    path = tmp_path / "s.sgy"
    path.write_bytes(file.bytes())
    scan = scanned(path).scan
    assert scan.verdict == "ask"
    assert "make a grid of 100 x 40 bins of 12.5 x 25" in scan.questions[0]


def test_coordinates_that_make_no_grid_are_a_fault(tmp_path: Path) -> None:
    file = sound()
    for byte in (181, 185):
        file.set(byte, np.random.default_rng(byte).integers(0, 60_000_000, TRACES))
    scan = by_coordinates(file, tmp_path / "a.sgy")
    assert scan.verdict == "refuse"
    assert (
        "the coordinates at 181 and 185 make no grid, or the traces lie in no order of lines, "
        in scan.faults[0]
    )
    for byte in (73, 77, 81, 85, 181, 185):
        file.set(byte, 0)
    scan = by_coordinates(file, tmp_path / "b.sgy")
    assert "no coordinates are in the headers, expected" in scan.faults[0]


def test_traces_without_coordinates_have_no_place_among_those_with_some(tmp_path: Path) -> None:
    file = sound()
    for byte in (181, 185):
        numbers = file.headers[:, byte - 1 : byte + 3].copy().view(">i4")[:, 0]
        numbers[[0, 57]] = 0
        file.set(byte, numbers)
    scan = by_coordinates(file, tmp_path / "a.sgy")
    assert (scan.inlines, scan.crosslines) == ((1, INLINES, 1), (1, CROSSLINES, 1))
    assert scan.missing == 2
    assert "2 traces have the coordinates 0 0, where others make a grid" in scan.warnings[0]


@pytest.mark.parametrize("byte", [29, 71, 89, 109, 115, 117, 215])
@pytest.mark.parametrize("names", [("inline", "crossline"), ("crossline", "inline"), ("x", "y")])
def test_bytes_that_mean_something_else_can_be_asked_for(
    byte: int, names: tuple[str, str], tmp_path: Path
) -> None:
    """It is of no use, and no fault of the program."""
    path = tmp_path / "a.sgy"
    path.write_bytes(sound().bytes())
    words = [f"--{names[0]}-byte", str(byte), f"--{names[1]}-byte", "185"]
    done = CliRunner().invoke(cli, ["scan", str(path), *words], catch_exceptions=False)
    assert done.exit_code == 0
    assert "can be run" in done.output or "question" in done.output or "fault" in done.output

"""Text headers, and what SEG-Y of probabilities says and keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import segyio

from salt_infer.errors import OutputExistsError, UsageError
from salt_survey.reading.survey import Survey
from salt_survey.segy import text
from salt_survey.segy.write import check, write_like
from tests.survey.odd_surveys import SAMPLES, sound


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("INLINE BYTES 189-193  CROSSLINE BYTES 193-197", (189, 193)),
        ("INLINE: 189, XLINE: 193,", (189, 193)),
        ("bins of 25 m; inline 9-12, crossline 21-24", (9, 21)),
        ("IN-LINE NUMBER (BYTE 221) CROSS-LINE NUMBER (BYTE 225)", (221, 225)),
        ("inline 362 of F3", None),
        ("INLINE 1 - 50   XLINE 21 - 60", None),
        ("INLINE: 185 TO 304  CROSSLINE: 193 TO 342", None),
        ("INLINE: 189-4 XLINE: 193-4", (189, 193)),
        ("INLINE 189 - 192  XLINE 193 - 196", (189, 193)),
        ("INLINE BYTES 189 TO 237, XLINE BYTE 193", (189, 193)),
        ("inlines: 111 .. 133 crosslines: 875 .. 892", None),
    ],
)
def test_where_a_text_says_the_numbers_are(line: str, found: tuple[int, int] | None) -> None:
    assert text.line_bytes([line]) == found


@pytest.mark.parametrize("code", ["cp037", "latin-1"])
def test_only_free_lines_are_written(code: str) -> None:
    lines = [f"C{number + 1:2d}".ljust(80) for number in range(40)]
    lines[38] = "C39 SEG Y REV1".ljust(80)
    raw = "".join(lines).encode(code)
    after = text.decode(text.with_lines(raw, ["one", "two", "x" * 100]))
    assert after[35:40] == ["C36 one", "C37 two", "C38 " + "x" * 76, "C39 SEG Y REV1", "C40"]
    assert after[:35] == [f"C{number + 1:2d}" for number in range(35)]
    assert text.with_lines(raw, []) == raw
    full = "".join("C 1 all taken".ljust(80) for _ in range(40)).encode(code)
    assert text.with_lines(full, ["one"]) == full
    holes = full[:80] + raw[80:240] + full[240:400] + raw[400:480] + full[480:]
    parted = text.decode(text.with_lines(holes, ["one", "two", "three"]))
    assert [parted[at] for at in (1, 2, 5)] == ["C 2 one", "C 3 two", "C 6 three"]
    fewer = text.decode(text.with_lines(holes, ["one", "two", "three", "four"]))
    assert [fewer[at] for at in (1, 2, 5)] == ["C 2 one", "C 3 two", "C 6 three"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    path, target, link = (tmp_path / name for name in ("in.sgy", "target.sgy", "link.sgy"))
    path.write_bytes(sound().bytes())
    target.write_bytes(b"old")
    link.symlink_to(target)
    with Survey.open(path) as survey:
        write_like(survey, link, lambda rows, _: flat(rows), overwrite=True)
    assert link.is_symlink()
    assert target.stat().st_size > 3600


def flat(rows: np.ndarray) -> np.ndarray:
    return np.full((len(rows), SAMPLES), 0.25, np.float32)


def test_int16_comes_back_as_floats_that_segyio_reads(tmp_path: Path) -> None:
    path, out = tmp_path / "in.sgy", tmp_path / "p.sgy"
    path.write_bytes(sound().bytes())
    with Survey.open(path) as survey:
        write_like(survey, out, lambda rows, _: flat(rows) * rows[:, None])
    with segyio.open(path) as old, segyio.open(out) as new:
        assert int(new.format) == 5
        assert new.samples.tolist() == old.samples.tolist()
        assert new.samples[0] == 500
        cube = segyio.cube(new)
    np.testing.assert_array_equal(cube[:, 0, 0], 0.25 * np.arange(len(cube)))


def test_extended_text_can_be_left_out(tmp_path: Path) -> None:
    path, out = tmp_path / "in.sgy", tmp_path / "p.sgy"
    file = sound()
    file.binary(3505, 2)
    file.head += b"\x40" * 6400
    path.write_bytes(file.bytes())
    with Survey.open(path) as survey:
        write_like(survey, out, lambda rows, _: flat(rows), drop_extended=True)
    with segyio.open(out) as new:
        assert new.ext_headers == 0
        assert new.trace[5][3] == 0.25


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    path, out = tmp_path / "in.sgy", tmp_path / "p.sgy"
    path.write_bytes(sound().bytes())
    with Survey.open(path) as survey, pytest.raises(UsageError, match="does not lie on"):
        write_like(survey, out, lambda rows, _: np.zeros((len(rows), SAMPLES + 1), np.float32))
    assert [each.name for each in tmp_path.iterdir()] == ["in.sgy"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    path, out = tmp_path / "in.sgy", tmp_path / "p.sgy"
    path.write_bytes(sound().bytes())
    out.write_bytes(b"mine")
    with Survey.open(path) as survey, pytest.raises(OutputExistsError):
        write_like(survey, out, lambda rows, _: flat(rows))
    assert out.read_bytes() == b"mine"
    with pytest.raises(UsageError, match="both read and written"):
        check(path, path, overwrite=True)
    with pytest.raises(UsageError, match="ends in"):
        check(tmp_path / "p.txt", path, overwrite=False)

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest

from salt_report.common import page
from salt_report.errors import ReportError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (page.percent(0.12345), "12.3\N{NO-BREAK SPACE}%"),
        (page.percent(0.99999, 2), "100.00\N{NO-BREAK SPACE}%"),
        (page.percent(None), "–"),
        (page.score(0.12345), "0.123"),
        (page.score(1, 4), "1.0000"),
        (page.score(math.nan), "–"),
        (page.signed(-0.01234), "\N{MINUS SIGN}0.0123"),
        (page.signed(0.5, 1), "+0.5"),
        (page.signed(math.nan), "–"),
    ],
)
def test_numbers_as_text(text: str, expected: str) -> None:
    assert text == expected


def test_sources_have_a_digest(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    found = page.sources((), file=file, none=None, folder=tmp_path)
    assert [source.role for source in found] == ["file", "folder"]
    assert found[0].sha256.startswith("ba7816bf8f01cfea414140de5dae2223")
    listed = f"{found[0].sha256}  x\n"
    assert found[1].sha256 == hashlib.sha256(listed.encode()).hexdigest()
    (tmp_path / "below").mkdir()
    (tmp_path / "below/y").write_bytes(b"")
    listed = f"{hashlib.sha256(b'').hexdigest()}  below/y\n{listed}"
    assert page.Source("folder", tmp_path).sha256 == hashlib.sha256(listed.encode()).hexdigest()
    assert page.Source("gone", tmp_path / "gone").sha256 == ""
    assert found[0].to_json()["path"] == str(file)


def test_the_reports_own_files_are_no_part_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    before = page.Source("folder", tmp_path).sha256
    for name in ("r.html", ".r.html.lock", ".r.html.0a.partial", "r.json"):
        (tmp_path / name).write_bytes(b"mine")
    outputs = (tmp_path / "r.html", tmp_path / "r.json", None)
    assert page.sources(outputs, data=tmp_path)[0].sha256 == before
    assert page.Source("folder", tmp_path).sha256 != before


def test_a_folder_with_a_file_that_cannot_be_read_has_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as another run's lock, which is listed and gone: the report needs none of it."""
    (tmp_path / ".x.lock").write_bytes(b"")
    assert page.Source("folder", tmp_path).sha256
    digest = page._sha256
    monkeypatch.setattr(page, "_sha256", lambda path: path.unlink() or digest(path))
    assert page.Source("folder", tmp_path).sha256 == ""


def test_a_file_that_was_changed_meanwhile_has_no_digest(tmp_path: Path) -> None:
    """It is not what the report was made from."""
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    (source,) = page.sources((), file=file)
    (tmp_path / "new").write_bytes(b"abd")
    (tmp_path / "new").replace(file)
    with pytest.raises(ReportError, match="x was changed while it was read; run this again"):
        source.to_json()
    (again,) = page.sources((), file=file)
    assert again.sha256 == hashlib.sha256(b"abd").hexdigest()


@pytest.mark.parametrize(
    ("depth", "said"), [(923.4, "923"), (0.9234, "0.92"), (-12.6, "-13"), (0, "0.00")]
)
def test_depths_in_kilometres_keep_their_decimals(depth: float, said: str) -> None:
    assert page.metres(depth) == said

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from salt_report.common.sources import Source, sources
from salt_report.errors import ReportError


def test_sources_have_a_digest(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    found = sources((), file=file, none=None, folder=tmp_path)
    assert [source.role for source in found] == ["file", "folder"]
    assert found[0].sha256.startswith("ba7816bf8f01cfea414140de5dae2223")
    listed = f"{found[0].sha256}  x\n"
    assert found[1].sha256 == hashlib.sha256(listed.encode()).hexdigest()
    (tmp_path / "below").mkdir()
    (tmp_path / "below/y").write_bytes(b"")
    listed = f"{hashlib.sha256(b'').hexdigest()}  below/y\n{listed}"
    assert Source.of("folder", tmp_path).sha256 == hashlib.sha256(listed.encode()).hexdigest()
    assert Source.of("gone", tmp_path / "gone").sha256 == ""
    assert found[0].to_json()["path"] == str(file)


def test_the_reports_own_files_are_no_part_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    before = Source.of("folder", tmp_path).sha256
    for name in ("r.html", ".r.html.lock", ".r.html.0a.partial", "r.json"):
        (tmp_path / name).write_bytes(b"mine")
    outputs = (tmp_path / "r.html", tmp_path / "r.json", None)
    assert sources(outputs, data=tmp_path)[0].sha256 == before
    assert Source.of("folder", tmp_path).sha256 != before


def test_a_folder_with_a_file_that_cannot_be_read_has_no_digest(tmp_path: Path) -> None:
    """Such as another run's lock, which is listed and gone: the report needs none of it."""
    (tmp_path / "x").write_bytes(b"abc")
    assert Source.of("folder", tmp_path).sha256
    (tmp_path / "unreadable").symlink_to("/proc/self/mem")  # a file for root, too, without a start
    assert Source.of("folder", tmp_path).sha256 == ""


def test_a_file_that_was_changed_meanwhile_has_no_digest(tmp_path: Path) -> None:
    """It is not what the report was made from."""
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    (source,) = sources((), file=file)
    (tmp_path / "new").write_bytes(b"abd")
    (tmp_path / "new").replace(file)
    with pytest.raises(ReportError, match="x was changed while it was read; run this again"):
        source.to_json()
    (again,) = sources((), file=file)
    assert again.sha256 == hashlib.sha256(b"abd").hexdigest()


def test_linked_folders_are_of_a_folder(tmp_path: Path) -> None:
    """As ``images/`` may be, of which the tiles are read."""
    plain, linked, other = (tmp_path / name for name in ("plain", "linked", "other"))
    for folder, text in ((plain, b"abc"), (other, b"abd")):
        (folder / "images").mkdir(parents=True)
        (folder / "images/x").write_bytes(text)
    linked.mkdir()
    (linked / "images").symlink_to(plain / "images")
    assert Source.of("data", linked).sha256 == Source.of("data", plain).sha256 != ""
    assert Source.of("data", linked).sha256 != Source.of("data", other).sha256
    (linked / "images").unlink()
    assert Source.of("data", linked).sha256 == ""  # of nothing
    (plain / "images/again").symlink_to(plain)
    assert Source.of("data", plain).sha256 != ""  # and it ends

"""Errors of libraries whose temporary files did not fit."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from salt_export import temporary
from salt_infer.errors import OutputError


@pytest.mark.parametrize("free", [0, 4096])
def test_an_error_on_a_full_disk_is_of_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    told = rf"^no room is left: temporary files go to {tmp_path}: .* set TMPDIR to"
    with pytest.raises(OutputError, match=told), temporary.room(tmp_path / "x"):
        raise ValueError("Wire format was corrupt")


def test_any_other_is_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="as it was"), temporary.room(tmp_path):
        raise ValueError("as it was")

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from salt_infer.system import digest


def test_a_file_is_told_by_all_that_is_in_it(tmp_path: Path) -> None:
    for data in (b"", b"salt" * 100_000):
        (tmp_path / "x").write_bytes(data)
        assert digest.of_file(tmp_path / "x") == hashlib.sha256(data).hexdigest()


def test_what_is_not_there_has_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest.of_file(tmp_path / "x")

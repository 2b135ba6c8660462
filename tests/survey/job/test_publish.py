"""What a run puts in place, and what it leaves beside that."""

from __future__ import annotations

from pathlib import Path

import pytest

from salt_infer.errors import UsageError
from salt_infer.system.whole_files import aside_of, partial_of
from salt_survey.job.publish import Targets


def test_what_a_killed_run_had_replaced_goes_once_all_is_in_place(tmp_path: Path) -> None:
    """It was killed after its outputs had their names, so that nothing is left to rename."""
    targets = Targets(tmp_path / "p.zarr", segy=tmp_path / "p.sgy", horizons=tmp_path / "h")
    targets.store.mkdir()
    for path in (targets.store, tmp_path / "p.sgy", tmp_path / "h"):
        old = aside_of(partial_of(path, "salt-survey"))
        old.mkdir()
        (old / "replaced").write_text("old")
    targets.publish(
        lambda path: path.write_bytes(b"new"),
        lambda path: (path / "top.txt").write_text("new") and None,
        lambda paths: None,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h", "p.sgy", "p.zarr"]


def test_what_was_replaced_stays_where_nothing_has_its_place(tmp_path: Path) -> None:
    targets = Targets(tmp_path / "p.zarr")
    old = aside_of(targets.partial)
    old.mkdir()
    targets.publish(lambda path: None, lambda path: None, lambda paths: None)
    assert old.exists()


@pytest.mark.parametrize("output", ["segy", "horizons", "report"])
def test_an_output_in_the_place_of_the_survey_is_said_to_be_read(
    tmp_path: Path, output: str
) -> None:
    survey = tmp_path / "s.sgy"
    survey.touch()
    targets = Targets(tmp_path / "p.zarr", **{output: survey})
    with pytest.raises(
        UsageError, match=r"s\.sgy would be written and is read; give another name$"
    ):
        targets.check([survey], True, frozenset())

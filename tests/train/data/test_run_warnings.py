"""What is odd about the tiles of a run."""

from __future__ import annotations

import dataclasses

import numpy as np

from salt_train.data import run_warnings
from tests import drawing

DATA = drawing.draw(12, seed=2)


def test_pseudo_labels_that_are_all_of_one_side_are_told_of() -> None:
    """The labelled tiles beside them are not, and hide it."""
    empty = dataclasses.replace(DATA, masks=np.zeros_like(DATA.masks))
    renamed = dataclasses.replace(empty, ids=tuple(f"new-{name}" for name in DATA.ids))
    both = DATA.joined(renamed)
    (line,) = run_warnings.of_pseudo(both, len(renamed))
    assert line.startswith("warning: ")
    assert "of the pseudo-labels (12)" in line
    assert run_warnings.of_all(both, both) == []
    assert run_warnings.of_pseudo(renamed.joined(DATA), len(DATA)) == []
    assert run_warnings.of_pseudo(both, 0) == []


def test_tiles_of_one_line_are_told_of_by_its_name() -> None:
    lines = dict.fromkeys(DATA.ids, "x120")
    (line,) = run_warnings.of_lines(lines, DATA)
    assert line.startswith("warning: 12 of these tiles are cut out of line x120 and overlap")
    assert "--fold none" in line
    assert run_warnings.of_lines(dict.fromkeys(["other"], "1"), DATA) == []


def test_whole_lines_that_somebody_has_dealt_are_fine() -> None:
    lines = {name: "ab"[place % 2] for place, name in enumerate(DATA.ids)}
    whole = dataclasses.replace(DATA, dealt=np.arange(len(DATA)) % 2)
    assert run_warnings.of_lines(lines, whole) == []
    torn = dataclasses.replace(DATA, dealt=np.arange(len(DATA)) // 6)
    assert len(run_warnings.of_lines(lines, torn)) == 1
